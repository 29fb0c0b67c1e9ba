//! The effective plan: what a config comes to once defaults are filled in, for a person to read before it goes live.

use http::Uri;

use super::judging;
use super::opinions;
use super::units::{spell, spell_size};
use super::weights::spell as percent;
use super::{
    Allow, AnswerShape, Auth, Backend, Budget, Config, Credential, Identity, Method, Pat, Place, Privacy, Route,
    Shadow, ShadowLimits, Share, SideEffects, Store, Tls, TokenEndpoint,
};

mod calls;

/// Width of the first column: the longest label and a gap.
const LABEL: usize = 12;

impl Config {
    /// The plan as aligned text. It holds no secret: tokens are named, and queries of URLs are left out.
    #[must_use]
    pub fn plan(&self) -> String {
        let mut page = Page::default();
        self.listeners(&mut page);
        page.heading("callers");
        callers(&self.auth, &mut page);
        page.heading("backends");
        for backend in &self.backends {
            backend_plan(backend, &mut page);
        }
        page.heading("routes, of which the first that matches wins");
        for (place, route) in self.routes.iter().enumerate() {
            page.line(format!("  {}. {}", place + 1, route.name));
            self.route_plan(route, &mut page);
        }
        page.heading("kept over restarts");
        page.row(
            "store",
            match &self.store {
                Store::None => "none; weights that are set while it runs are gone when it stops".to_owned(),
                Store::Sqlite(path) => format!("SQLite in {}", path.display()),
            },
        );
        page.text
    }

    fn listeners(&self, page: &mut Page) {
        let (limits, timeouts) = (&self.limits, &self.timeouts);
        page.heading("listeners");
        page.row("clients", self.listen.clients);
        if let Some(tls) = &self.listen.tls {
            page.row("", by_tls(tls));
        }
        let admin = &self.listen.admin;
        page.row("admin", admin.address);
        if let Some(tls) = &admin.tls {
            page.row("", by_tls(tls));
        }
        if let Some(roles) = &admin.roles {
            for (role, allow) in [("viewer", &roles.viewer), ("operator", &roles.operator)] {
                page.row("", format!("{role}: {}", allow.as_ref().map_or_else(|| "nobody".to_owned(), who)));
            }
        }
        page.row(
            "limits",
            format!(
                "head {}, body {}, answer {}, {} connections, {} requests at a time{}",
                spell_size(limits.head),
                spell_size(limits.body),
                spell_size(limits.answer),
                limits.connections,
                limits.in_flight,
                limits.per_caller.map(|most| format!(", {most} of one caller")).unwrap_or_default()
            ),
        );
        page.row(
            "timeouts",
            format!(
                "head {}, body {}, idle {}, send {}, drain {}, keep-alive {}",
                spell(timeouts.head),
                spell(timeouts.body),
                spell(timeouts.idle),
                spell(timeouts.send),
                spell(timeouts.drain),
                spell(timeouts.keep_alive)
            ),
        );
        let (share, least) = (self.retries.share, self.retries.least);
        page.row("retries", format!("{share} % of the requests, all routes together; {least} a second are free"));
    }

    fn route_plan(&self, route: &Route, page: &mut Page) {
        page.row("takes", &route.rule);
        callers_of(route, page);
        self.split_plan(&route.split, page);
        page.row(
            "sticky by",
            match route.sticky.as_deref() {
                None => "any explicit conversation id".to_owned(),
                Some([]) => "nothing; every request is drawn anew".to_owned(),
                Some(places) => places.join(", "),
            },
        );
        if let Some(hold) = route.hold {
            page.row("held", format!("where it started, until it has been silent for {}", spell(hold)));
        }
        page.row("answers", answers(route));
        page.row(
            "tools",
            if route.show_server_tools {
                "the agent's own calls are shown"
            } else {
                "the agent's own calls are hidden"
            },
        );
        if route.drops_content {
            page.row("content", "what a backend has no place for is left out and named in x-cutover-dropped");
        }
        self.calls_plan(route, page);
        if let Some(shadow) = &route.shadow {
            self.shadow_plan(shadow, page);
        }
    }

    fn shadow_plan(&self, shadow: &Shadow, page: &mut Page) {
        let to = self.backends.get(shadow.to).map_or("?", |backend| backend.name.as_str());
        let (sample, noise) = (percent(shadow.sample), percent(shadow.noise));
        page.row(
            "mirrors",
            format!("{sample} % of the conversations to {to}; {noise} % of those to the primary again"),
        );
        page.row(
            "",
            match shadow.side_effects {
                SideEffects::None => "whatever is sampled: the agent only reads",
                SideEffects::Marked(_) => "what is marked as safe to run twice, and nothing else",
                SideEffects::Accepted => "whatever is sampled: acting twice is accepted",
            },
        );
        let ShadowLimits { queue, queue_bytes, concurrency, per_second, body, answer } = shadow.limits;
        let (queue_bytes, body, answer) = (spell_size(queue_bytes), spell_size(body), spell_size(answer));
        page.row(
            "",
            format!("with {concurrency} at a time, {per_second} a second, each within {}", spell(shadow.deadline)),
        );
        page.row("", format!("{queue} may wait, {queue_bytes} in all; request {body}, answer {answer}"));
        let Budget { requests, tokens } = shadow.budget;
        page.row("", format!("at most {requests} requests and {tokens} tokens a day"));
        let kept = match shadow.record.mode {
            Privacy::Full => "requests and answers as they were",
            Privacy::Redacted => "requests and answers without addresses, numbers and names",
            Privacy::Scores => "how answers compare, and no word of them",
        };
        page.row("keeps", kept);
        let days = shadow.record.keep.as_secs() / 86_400;
        page.row("", format!("for {days} days, {} at most", spell_size(shadow.record.size)));
        for (place, line) in judging::plan(&shadow.judging).into_iter().enumerate() {
            page.row(if place == 0 { "judges by" } else { "" }, line);
        }
        let name = |place: usize| self.backends.get(place).map_or_else(String::new, |backend| backend.name.clone());
        for (place, line) in opinions::plan(&shadow.opinions, name).enumerate() {
            page.row(if place == 0 { "asks" } else { "" }, line);
        }
        if shadow.pass_caller_token {
            page.row("", "with the caller's own token, where the backend takes that");
        }
    }

    fn split_plan(&self, split: &[Share], page: &mut Page) {
        let name = |share: &Share| self.backends.get(share.backend).map_or("?", |backend| backend.name.as_str());
        let width = split.iter().map(|share| name(share).len()).max().unwrap_or_default();
        for (place, share) in split.iter().enumerate() {
            let label = if place == 0 { "split" } else { "" };
            page.row(label, format!("{:width$}  {:>6} %", name(share), percent(share.basis_points)));
        }
    }
}

fn callers(auth: &Auth, page: &mut Page) {
    let Auth::Methods(methods) = auth else { return page.row("anonymous", "anyone on this machine") };
    for method in methods {
        match method {
            Method::Pat(Pat::Tokens(tokens)) => {
                let names: Vec<_> = tokens.iter().map(|token| token.name.as_str()).collect();
                page.row("pat", names.join(", "));
            }
            Method::Pat(Pat::File(path)) => page.row("pat", format!("those in {}", path.display())),
            Method::Pat(Pat::Workspace(workspace, cache)) => {
                page.row("pat", format!("whoever {} knows, believed for {}", workspace.url, spell(*cache)));
            }
            Method::Certificate(names) => {
                let names: Vec<_> = names.iter().map(ToString::to_string).collect();
                page.row("certificate", names.join(", "));
            }
            Method::Oauth(oauth) => {
                page.row("oauth", format!("{} for {}", oauth.issuer, oauth.audience.join(" or ")));
            }
        }
    }
}

fn by_tls(tls: &Tls) -> String {
    let asks = if tls.client_ca.is_some() { ", and asks clients for theirs" } else { "" };
    format!("by TLS, with the certificate in {}{asks}", tls.cert.display())
}

fn named(what: &str, names: &[String]) -> Option<String> {
    (!names.is_empty()).then(|| format!("{what} {}", names.join(", ")))
}

/// Groups and subjects.
fn listed(allow: &Allow) -> String {
    let who = [named("the groups", &allow.groups), named("the subjects", &allow.subjects)];
    who.into_iter().flatten().collect::<Vec<_>>().join(" and ")
}

/// Who has a role.
fn who(allow: &Allow) -> String {
    let parts = [Some(listed(allow)).filter(|who| !who.is_empty()), named("those with the scopes", &allow.scopes)];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", of them ")
}

fn callers_of(route: &Route, page: &mut Page) {
    let who = listed(&route.allow);
    if !who.is_empty() {
        page.row("only for", who);
    }
    if let Some(scopes) = named("the scopes", &route.allow.scopes) {
        page.row("needs", scopes);
    }
}

fn backend_plan(backend: &Backend, page: &mut Page) {
    let verbatim = if backend.verbatim { ", verbatim" } else { "" };
    let query = if backend.url.query().is_some() { "?..." } else { "" };
    page.line(format!("  {}", backend.name));
    page.row("url", format!("{}{query}", without_query(&backend.url)));
    page.row("dialect", format!("{}{verbatim}", backend.dialect.name()));
    if let Some(model) = &backend.model {
        page.row("model", model);
    }
    page.row("credential", credential(&backend.credential));
    match backend.identity {
        Identity::Withheld => {}
        Identity::Forwarded => page.row("is told", "who calls"),
        Identity::ForwardedWithToken => page.row("is told", "who calls, with their token"),
    }
    calls::backend(backend, page);
}

/// A query may hold a key.
fn without_query(url: &Uri) -> String {
    let authority = url.authority().map(ToString::to_string).unwrap_or_default();
    format!("{}://{authority}{}", url.scheme_str().unwrap_or_default(), url.path())
}

fn credential(credential: &Credential) -> String {
    let from = |endpoint: &TokenEndpoint| match &endpoint.place {
        Place::At(url) => format!("from {}", without_query(url)),
        Place::Discovered(origin) => format!("from where {origin} says"),
    };
    match credential {
        Credential::None => "none".into(),
        Credential::Caller => "the caller's own".into(),
        Credential::Token(_) => "a token of ours".into(),
        Credential::ClientCredentials(own) => {
            format!("a token for {}, {}", own.client.id, from(&own.endpoint))
        }
        Credential::Exchange(exchange) => format!("a token in exchange for the caller's, {}", from(&exchange.endpoint)),
        Credential::CallerOr(or) => format!("the caller's own if it is OAuth, otherwise {}", self::credential(or)),
    }
}

fn answers(route: &Route) -> String {
    match (route.answer, route.legacy_dialect) {
        (AnswerShape::Both, Some(legacy)) => format!("OpenAI, with the fields of {} beside it", legacy.name()),
        (AnswerShape::Legacy, Some(legacy)) => format!("{} alone", legacy.name()),
        _ => "OpenAI".into(),
    }
}

/// Lines of text under headings.
#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn heading(&mut self, heading: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.line(heading);
    }

    fn row(&mut self, label: &str, value: impl std::fmt::Display) {
        self.line(format!("     {label:LABEL$}{value}"));
    }

    fn line(&mut self, line: impl AsRef<str>) {
        self.text.push_str(line.as_ref().trim_end());
        self.text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_plan_is_a_pleasure_to_read() {
        let text = "
auth: [ { pat: { tokens: [ { name: ci, sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 } ] } } ]
backends:
  legacy: { url: https://example.com/serving-endpoints/support/invocations, dialect: chat_agent }
  app:
    url: https://app.example.com/responses?key=${env:TOKEN}
    dialect: responses
    credential: { token: '${env:TOKEN}' }
    timeouts: { connect: 500ms, first_byte: 90s }
routes:
  - { name: support, match: { model: support-agent }, split: { legacy: 99.5, app: 0.5 }, sticky: [ user ] }
  - { name: rest, split: { app: 1 }, show_server_tools: true }
";
        let config = Config::parse(text, Path::new(""), &|_| Some("s3cret".into())).unwrap();
        let plan = config.plan();
        assert_eq!(
            plan,
            "\
listeners
     clients     127.0.0.1:8080
     admin       127.0.0.1:9090
     limits      head 64KiB, body 16MiB, answer 16MiB, 10000 connections, 10000 requests at a time
     timeouts    head 10s, body 30s, idle 1m, send 1m, drain 2m, keep-alive 15s
     retries     20 % of the requests, all routes together; 3 a second are free

callers
     pat         ci

backends
  legacy
     url         https://example.com/serving-endpoints/support/invocations
     dialect     chat_agent
     credential  the caller's own
     deadlines   connect 2s, first byte 5m, idle 5m, total 10m
     breaker     opens after 5 failures in a row, or below 80 % of 20 in 30s; for 5s to 1m
  app
     url         https://app.example.com/responses?...
     dialect     responses
     credential  a token of ours
     deadlines   connect 500ms, first byte 90s, idle 5m, total 10m
     breaker     opens after 5 failures in a row, or below 80 % of 20 in 30s; for 5s to 1m

routes, of which the first that matches wins
  1. support
     takes       model support-agent
     split       legacy    99.5 %
                 app        0.5 %
     sticky by   user
     answers     OpenAI, with the fields of chat_agent beside it
     tools       the agent's own calls are hidden
     retries     up to 2 of what cannot have begun
  2. rest
     takes       everything
     split       app     100 %
     sticky by   any explicit conversation id
     answers     OpenAI
     tools       the agent's own calls are shown
     retries     up to 2 of what cannot have begun

kept over restarts
     store       SQLite in cutover.db
"
        );
        assert!(!plan.contains("s3cret") && !plan.contains("9f86"));
    }

    #[test]
    fn what_is_left_out_without_a_refusal_is_said() {
        let plan = |more: &str| {
            let backends = "{ app: { url: 'https://e.org', dialect: responses, credential: none } }";
            let text = format!(
                "auth: anonymous\nbackends: {backends}\nroutes: [ {{ name: r, split: {{ app: 1 }}{more} }} ]\n"
            );
            Config::parse(&text, Path::new(""), &|_| None).unwrap().plan()
        };
        assert!(!plan("").contains("left out"));
        assert!(plan(", unsupported_content: drop").contains("left out and named"));
    }
}
