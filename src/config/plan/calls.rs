//! The part of the plan that says what happens when a backend is slow, full or unwell.

use super::Page;
use crate::config::units::spell;
use crate::config::{Backend, BackendTimeouts, Breaker, Config, Conversations, Route};

/// A backend's deadlines, limits, breaker and checks.
pub(super) fn backend(backend: &Backend, page: &mut Page) {
    page.row("deadlines", deadlines(&backend.timeouts));
    if let Some(limits) = &backend.limits {
        let (in_flight, pending, wait) = (limits.in_flight, limits.pending, spell(limits.wait));
        page.row("is given", format!("{in_flight} exchanges at a time; {pending} more wait for up to {wait}"));
    }
    page.row("breaker", breaker(&backend.breaker));
    if let Some(health) = &backend.health {
        let (every, timeout) = (spell(health.every), spell(health.timeout));
        page.row("is checked", format!("at {} every {every}, within {timeout}", health.path));
        page.row("", format!("out after {} bad answers in a row, in after {} good", health.fall, health.rise));
    }
}

impl Config {
    /// What a route does when the backend of its split fails.
    pub(super) fn calls_plan(&self, route: &Route, page: &mut Page) {
        let own = &route.timeouts;
        let named = [
            ("connect", own.connect),
            ("first byte", own.first_byte),
            ("idle", own.idle),
            ("total", own.total),
            ("stream total", own.stream_total),
        ];
        let own: Vec<_> = named.iter().filter_map(|(name, time)| Some(format!("{name} {}", spell((*time)?)))).collect();
        if !own.is_empty() {
            page.row("deadlines", format!("{} here, whatever a backend says", own.join(", ")));
        }
        page.row("retries", retries(route));
        let Some(fallback) = &route.fallback else { return };
        let to = self.backends.get(fallback.to).map_or("?", |backend| backend.name.as_str());
        page.row("fallback", format!("to {to}, on {}", fallback.on.words().join(", ")));
        if let Some(hold) = fallback.hold {
            page.row("", format!("a stream is held until its first event, for up to {}", spell(hold)));
        }
        if fallback.conversations == Conversations::Stay {
            page.row("", "but not for requests that name a conversation");
        }
    }
}

fn deadlines(timeouts: &BackendTimeouts) -> String {
    let BackendTimeouts { connect, first_byte, idle, total, stream_total } = *timeouts;
    let [connect, first_byte, idle, total] = [connect, first_byte, idle, total].map(spell);
    let streams = stream_total.map(|total| format!(", {} for streams", spell(total))).unwrap_or_default();
    format!("connect {connect}, first byte {first_byte}, idle {idle}, total {total}{streams}")
}

fn breaker(breaker: &Breaker) -> String {
    if !breaker.enabled {
        return "off".to_owned();
    }
    let Breaker { failures, success, least, .. } = breaker;
    let (window, open, most) = (spell(breaker.window), spell(breaker.open), spell(breaker.most));
    format!(
        "opens after {failures} failures in a row, or below {success} % of {least} in {window}; for {open} to {most}"
    )
}

fn retries(route: &Route) -> String {
    let retry = &route.retry;
    if retry.attempts == 1 {
        return "none".to_owned();
    }
    let told: Vec<_> = [(retry.on_429, "429"), (retry.on_503, "503")].iter().filter(|it| it.0).map(|it| it.1).collect();
    let told = match told.is_empty() {
        true => String::new(),
        false => format!(", also after {} where it says when, up to {}", told.join(" and "), spell(retry.wait)),
    };
    format!("up to {} of what cannot have begun{told}", retry.attempts - 1)
}
