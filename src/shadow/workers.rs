//! The workers of all mirrors, those that a reload has replaced too: on threads of their own, and told together when the
//! gateway stops.

use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::background::Background;

/// How long copies that wait may still be sent and heard when no more requests come.
const LAST_COPIES: Duration = Duration::from_secs(5);

/// The workers of all mirrors; clones are the same ones.
#[derive(Clone, Debug, Default)]
pub struct Workers {
    tasks: TaskTracker,
    threads: Arc<OnceLock<Background>>,
    closed: CancellationToken,
    over: CancellationToken,
}

impl Workers {
    /// Starts one; the first has the threads started.
    ///
    /// # Errors
    /// When there can be no more threads.
    pub(super) fn start(&self, worker: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
        let threads = match self.threads.get() {
            Some(threads) => threads,
            None => {
                let started = Background::start()?;
                // Two who come first at once: the one that is not kept ends.
                self.threads.get_or_init(|| started)
            }
        };
        self.tasks.spawn_on(worker, threads.handle());
        Ok(())
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
