//! What the gateway says of itself: metrics, and structured log lines that never make anyone wait.

use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;

mod calls;
mod live;
mod metrics;

pub use calls::{BackendMeters, Reason, RouteMeters};
pub use live::{Live, StoreGauges};
pub use metrics::{Arm, Metrics, Outcome};

/// Log lines that wait for a slow terminal or pipe; what comes on top is dropped, so that no request ever waits.
const LINES: usize = 16_384;

/// Sends log lines, one JSON object each, to standard error. Lines are written by a thread of their own; the guard
/// writes what is left when it is dropped. The level is `info` unless `CUTOVER_LOG` says otherwise.
pub fn log_to_stderr() -> WorkerGuard {
    let (writer, guard) =
        NonBlockingBuilder::default().buffered_lines_limit(LINES).lossy(true).finish(std::io::stderr());
    let filter = EnvFilter::try_from_env("CUTOVER_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    // A second initialisation (tests) keeps the first.
    let _ = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_env_filter(filter)
        .with_writer(writer)
        .try_init();
    guard
}
