//! The workers of all mirrors, those that a reload has replaced too: told together when the gateway stops.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long copies that wait may still be sent and heard when no more requests come.
const LAST_COPIES: Duration = Duration::from_secs(5);

/// The workers of all mirrors; clones are the same ones.
#[derive(Clone, Debug, Default)]
pub struct Workers {
    tasks: TaskTracker,
    closed: CancellationToken,
    over: CancellationToken,
}

impl Workers {
    /// Starts one.
    pub(super) fn start(&self, worker: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(worker);
    }

    /// Waits until no more requests come.
    pub(super) async fn closed(&self) {
        self.closed.cancelled().await;
    }

    /// Waits until nothing more may be sent or heard.
    pub(super) async fn over(&self) {
        self.over.cancelled().await;
    }

    /// No more requests come. What waits has a few seconds to be sent and heard, or until `now`; what is left then is
    /// counted as shed, and only then the store is told for the last time.
    pub async fn finish(&self, now: &CancellationToken) {
        self.closed.cancel();
        self.tasks.close();
        tokio::select! {
            () = self.tasks.wait() => return,
            () = tokio::time::sleep(LAST_COPIES) => {}
            () = now.cancelled() => {}
        }
        self.over.cancel();
        self.tasks.wait().await;
    }
}
