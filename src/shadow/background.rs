//! Threads that work while no client needs the processor: copies are sent, heard and compared there.
//!
//! On the clients' own threads a copy's answer that takes a millisecond to look through is a millisecond that a client waits.
//! Here the system itself lets clients go first, whatever a copy takes; where they leave little, copies wait in their queue
//! until there is no room, and are counted as shed.

use std::io;

use tokio::runtime::{Builder, Handle, Runtime};

/// A runtime of its own; what it still does when it is dropped is given up.
#[derive(Debug)]
pub(super) struct Background {
    handle: Handle,
    runtime: Option<Runtime>,
}

impl Background {
    /// Starts its threads, one for each core.
    ///
    /// # Errors
    /// When there can be no more threads.
    pub(super) fn start() -> io::Result<Self> {
        let runtime =
            Builder::new_multi_thread().thread_name("shadow").on_thread_start(give_way).enable_all().build()?;
        Ok(Self { handle: runtime.handle().clone(), runtime: Some(runtime) })
    }

    /// Where its tasks are spawned.
    pub(super) fn handle(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // One of its own tasks may be the last that held it, and no task may wait.
            runtime.shutdown_background();
        }
    }
}

/// Any other thread of this process goes first: this one gets a hundredth of a core that another one wants (setpriority(2),
/// which is about threads on Linux).
#[cfg(target_os = "linux")]
fn give_way() {
    const LAST: i32 = 19;
    if let Err(error) = rustix::process::setpriority_process(None, LAST) {
        tracing::warn!("copies are worked on with the priority of clients: {error}");
    }
}

#[cfg(not(target_os = "linux"))]
fn give_way() {}
