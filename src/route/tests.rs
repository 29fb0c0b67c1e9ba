//! Which route takes a request, and what is no way around a rule.

use std::path::Path;

use http::{HeaderMap, HeaderName};

use super::*;
use crate::auth::Caller;
use crate::config::Config;

const CALLERS: &str = "
auth: [ { pat: { tokens: [ { name: ci, sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 } ] } } ]
backends:
  legacy: { url: http://127.0.0.1:1/invocations, dialect: chat_agent }
  app: { url: http://127.0.0.1:2/responses, dialect: responses }
routes:
";

fn table(routes: &[&str]) -> Table {
    let routes: Vec<_> = routes.iter().map(|route| format!("  - {{ split: {{ app: 1 }}, {route} }}")).collect();
    let config = Config::parse(&format!("{CALLERS}{}", routes.join("\n")), Path::new(""), &|_| None);
    Table::new(&config.unwrap_or_else(|problems| panic!("{problems}")), None)
}

fn caller(name: &str, groups: &[&str], scopes: &[&str]) -> Caller {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Caller { groups: owned(groups), scopes: owned(scopes), ..Caller::named(name, crate::auth::Kind::Oauth) }
}

/// Remembers why routes were not it.
#[derive(Default)]
struct Misses(Vec<String>);

impl Witness for Misses {
    fn missed(&mut self, route: &Route, miss: Miss<'_>, peek: &Peek<'_>) {
        self.0.push(format!("{}: {}", route.name, miss.told(peek)));
    }
}

struct Asks<'a> {
    path: &'a str,
    headers: &'a [(&'a str, &'a str)],
    caller: Caller,
    body: &'a str,
}

impl Default for Asks<'_> {
    fn default() -> Self {
        Self { path: "/v1/responses", headers: &[], caller: caller("ci", &[], &[]), body: "{}" }
    }
}

impl Asks<'_> {
    /// The route that a request goes to, or the error; and what was said of those before.
    fn of(&self, table: &Table) -> (Result<String, Error>, Vec<String>) {
        let mut headers = HeaderMap::new();
        for (name, value) in self.headers {
            headers.append(HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
        }
        let body = Body::parse(self.body.as_bytes()).unwrap();
        let model = body.scalar_at("model");
        let peek = Peek {
            model: model.as_deref(),
            path: self.path,
            caller: &self.caller,
            headers: &headers,
            body: &body,
            at: Instant::now(),
        };
        let mut misses = Misses::default();
        let decision = table.pick(&peek, |_| true, &mut misses);
        (decision.map(|decision| decision.route.name.clone()), misses.0)
    }

    fn goes_to(&self, table: &Table) -> String {
        self.of(table).0.unwrap_or_else(|error| error.message().to_owned())
    }
}

fn body(text: &str) -> Asks<'_> {
    Asks { body: text, ..Asks::default() }
}

#[test]
fn the_first_rule_that_matches_wins_and_the_others_say_why_they_did_not() {
    let table = table(&[
        "name: beta, match: { header: { x-beta: '*' } }",
        "name: acme, match: { body: { custom_inputs.tenant: acme } }",
        "name: eu, match: { path: /v1/responses, caller: { group: [ eu, uk ] } }",
        "name: admins, match: { caller: { scope: admin } }",
        "name: ada, match: { caller: { subject: 'ada@*' } }",
        "name: model, match: { model: 'support-*' }",
        "name: rest",
    ]);
    let ask = Asks { headers: &[("x-beta", "")], ..body(r#"{"custom_inputs":{"tenant":"acme"}}"#) };
    assert_eq!(ask.goes_to(&table), "beta");
    assert_eq!(body(r#"{"custom_inputs":{"tenant":"acme"}}"#).goes_to(&table), "acme");
    assert_eq!(Asks { caller: caller("x", &["uk"], &[]), ..Asks::default() }.goes_to(&table), "eu");
    let elsewhere = Asks { caller: caller("x", &["uk"], &["admin"]), path: "/responses", ..Asks::default() };
    assert_eq!(elsewhere.goes_to(&table), "admins");
    assert_eq!(Asks { caller: caller("ada@example.com", &[], &[]), ..Asks::default() }.goes_to(&table), "ada");
    assert_eq!(body(r#"{"model":"support-eu"}"#).goes_to(&table), "model");
    let (route, misses) = body(r#"{"model":"x","custom_inputs":{"tenant":"evil"}}"#).of(&table);
    assert_eq!(route.unwrap(), "rest");
    assert_eq!(
        misses,
        [
            "beta: header x-beta is absent, not present",
            "acme: body custom_inputs.tenant is \"evil\", not acme",
            "eu: caller's groups are none, not eu or uk",
            "admins: caller's scopes are none, not admin",
            "ada: caller is ci, not ada@*",
            "model: model is x, not support-*",
        ]
    );
}

#[test]
fn texts_numbers_and_booleans_are_compared_as_what_they_are() {
    let table = table(&[
        "name: seven, match: { body: { custom_inputs.n: 7 } }",
        "name: stream, match: { body: { stream: true } }",
        "name: glob, match: { body: { custom_inputs.n: 'v*' } }",
        "name: no-user, match: { body: { user: { present: false }, custom_inputs.n: { present: true } } }",
        "name: rest",
    ]);
    for (text, route) in [
        (r#"{"custom_inputs":{"n":7}}"#, "seven"),
        (r#"{"custom_inputs":{"n":7.0}}"#, "seven"),
        (r#"{"custom_inputs":{"n":70e-1}}"#, "seven"),
        (r#"{"custom_inputs":{"n":"7"}}"#, "seven"),
        (r#"{"custom_inputs":{"n":"\u0037"}}"#, "seven"),
        (r#"{"custom_inputs":{"n":"7.0"}}"#, "no-user"),
        (r#"{"custom_inputs":{"n":[7]}}"#, "no-user"),
        (r#"{"custom_inputs":{"n":7.5},"user":"u"}"#, "rest"),
        (r#"{"custom_inputs":{"n":"v2"}}"#, "glob"),
        (r#"{"custom_inputs":{"n":null}}"#, "rest"),
        (r#"{"stream":true}"#, "stream"),
        (r#"{"stream":"true"}"#, "stream"),
        (r#"{"stream":false}"#, "rest"),
        (r#"{"custom_inputs":"n"}"#, "rest"),
    ] {
        assert_eq!(body(text).goes_to(&table), route, "{text}");
    }
}

#[test]
fn another_spelling_or_a_second_one_is_no_way_around_a_rule() {
    let table = table(&[
        "name: guarded, match: { model: m, header: { x-tenant: [ a, b ] }, body: { custom_inputs.tenant: acme } }",
        "name: rest",
    ]);
    let headers: &[(&str, &str)] = &[("x-tenant", "a")];
    let refused = |text: &str, headers: &[(&str, &str)]| {
        let (result, _) = Asks { headers, ..body(text) }.of(&table);
        let error = result.unwrap_err();
        (error.status().as_u16(), error.field().unwrap_or_default().to_owned())
    };
    for text in [
        r#"{"model":"m","custom_inputs":{"tenant":"acme","tenant":"evil"}}"#,
        r#"{"model":"m","custom_inputs":{"tenant":"evil","tenant":"acme"}}"#,
        r#"{"model":"m","custom_inputs":{"tenant":"evil","Tenant":"acme"}}"#,
        r#"{"model":"m","custom_inputs":{"TENANT":"acme"}}"#,
    ] {
        assert_eq!(refused(text, headers), (400, "custom_inputs.tenant".to_owned()), "{text}");
    }
    assert_eq!(
        refused(r#"{"model":"m","Custom_inputs":{"tenant":"acme"}}"#, headers),
        (400, "custom_inputs".to_owned())
    );
    let twice: &[(&str, &str)] = &[("x-tenant", "a"), ("X-Tenant", "c")];
    assert_eq!(refused(r#"{"model":"m"}"#, twice), (400, "x-tenant".to_owned()));
    let same: &[(&str, &str)] = &[("x-tenant", "a"), ("x-tenant", "a")];
    let ask = Asks { headers: same, ..body(r#"{"model":"m","custom_inputs":{"tenant":"acme"}}"#) };
    assert_eq!(ask.goes_to(&table), "guarded");
    // What no rule goes by is nobody's business here, and a rule that has failed before is not gone by.
    for text in [r#"{"model":"m","custom_inputs":{"x":1,"x":2}}"#, r#"{"model":"n","custom_inputs":{"Tenant":"acme"}}"#]
    {
        assert_eq!(Asks { headers, ..body(text) }.goes_to(&table), "rest", "{text}");
    }
}

#[test]
fn a_caller_is_told_of_the_models_that_it_may_use_each_once() {
    let table = table(&[
        "name: a, match: { model: shared, body: { user: x } }",
        "name: b, match: { model: secret }, allow: { groups: [ inner ] }",
        "name: c, match: { model: beta, caller: { group: inner } }",
        "name: d, match: { model: shared }",
        "name: e, match: { model: 'open-*' }",
    ]);
    let stranger = caller("x", &[], &[]);
    assert_eq!(table.models(&stranger).collect::<Vec<_>>(), ["shared"]);
    let error =
        |groups: &[&str]| Asks { caller: caller("x", groups, &[]), ..body(r#"{"model":"no"}"#) }.goes_to(&table);
    assert_eq!(error(&[]), "no model `no` here; there are: shared, open-*");
    assert_eq!(error(&["inner"]), "no model `no` here; there are: shared, secret, beta, open-*");
    assert!(table.named("beta", &stranger).is_none());
    let asked = Asks { caller: stranger, ..body(r#"{"model":"beta"}"#) };
    assert_eq!(asked.goes_to(&table), "no model `beta` here; there are: shared, open-*");
}
