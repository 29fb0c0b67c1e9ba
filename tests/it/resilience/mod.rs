//! What happens to clients when backends are slow, full, unwell or gone.

use std::net::SocketAddr;

use crate::support::says::{self, Act};
use crate::support::{Fake, Gateway, Seen, Step, chunked, plain};

mod breaker;
mod checks;
mod deadlines;
mod fallback;
mod outage;
mod outcomes;
mod overload;
mod retries;

/// A route `agent` to the backend `app`, with `legacy` beside it; all may say more of themselves.
pub fn config(app: SocketAddr, app_says: &str, legacy: SocketAddr, route_says: &str) -> String {
    format!(
        "auth: anonymous
backends:
  app: {{ url: 'http://{app}/agent', dialect: responses, credential: none, {app_says} }}
  legacy: {{ url: 'http://{legacy}/agent', dialect: chat_agent, credential: none }}
routes:
  - {{ name: agent, match: {{ model: agent }}, {route_says} }}
"
    )
}

/// A backend that answers well, as it is asked: plainly or with a stream.
pub fn well(dialect: &'static str) -> impl Fn(&Seen) -> Vec<Step> + Send + Sync + 'static {
    move |seen| vec![answer(dialect, &seen.body)]
}

/// The answer that a request asks for.
pub fn answer(dialect: &str, body: &str) -> Step {
    Step::Write(match is_stream(body) {
        true => chunked(says::frames(dialect, Act::Text).concat().as_bytes(), true),
        false => plain(200, "application/json", &says::plain(dialect, Act::Text)),
    })
}

pub fn is_stream(body: &str) -> bool {
    body.contains("\"stream\":true")
}

/// An address where nobody listens.
pub async fn nowhere() -> SocketAddr {
    let mut fake = Fake::json(200, "{}").await;
    fake.down().await;
    fake.address
}

/// One line of the metrics.
pub async fn metric(gateway: &Gateway, line: &str) -> Option<i64> {
    let text = crate::support::Client::new(gateway.admin).get("/metrics").await.text();
    text.lines().find_map(|found| found.strip_prefix(line)?.trim().parse().ok())
}
