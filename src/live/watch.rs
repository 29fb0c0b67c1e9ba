//! Watching the config file, by looking at it.
//!
//! A look is one `stat` of what the path leads to in the end, ten times a second, on a thread of its own. It sees an edit in
//! place, a file renamed over it, Kubernetes' `..data` link that is swapped two folders away, a mount that is replaced and a
//! file that comes back, on every file system; kernel notifications tell of some of these only, and of none over a network.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use super::Live;
use crate::config::revision_of;

/// Between two looks; a file counts as written when two looks see the same.
const EVERY: Duration = Duration::from_millis(100);

/// What changes when a file is written or replaced: time in nanoseconds, length, and which file it is; none if it is gone.
type Stamp = Option<(i64, i64, u64, u64, u64)>;

/// Asks for a reload now, whether the file has changed or not: what it refers to may have.
#[derive(Clone)]
pub struct ReloadNow(SyncSender<()>);

impl ReloadNow {
    /// Asks; if it has been asked and not done yet, that is enough.
    pub fn ask(&self) {
        match self.0.try_send(()) {
            Ok(()) | Err(TrySendError::Full(())) => {}
            Err(TrySendError::Disconnected(())) => tracing::error!("nobody watches the config any more"),
        }
    }
}

/// Watches the file from now on, until the last [`ReloadNow`] is gone. `revision` is what has been applied. Needs a tokio
/// runtime.
///
/// # Errors
/// When the system gives no thread.
pub fn watch(live: Arc<Live>, file: &Path, revision: &str) -> std::io::Result<ReloadNow> {
    let (ask, asked) = sync_channel(1);
    let watcher =
        Watcher { live, file: file.to_owned(), seen: stamp(file), before: None, read: Some(revision.to_owned()) };
    let runtime = tokio::runtime::Handle::current();
    std::thread::Builder::new().name("config".into()).spawn(move || {
        let _inside = runtime.enter();
        watcher.run(&asked);
    })?;
    Ok(ReloadNow(ask))
}

struct Watcher {
    live: Arc<Live>,
    file: PathBuf,
    /// The file that was read last.
    seen: Stamp,
    /// What the look before saw, if that was something else.
    before: Option<Stamp>,
    /// The revision of what was read last, applied or not.
    read: Option<String>,
}

impl Watcher {
    fn run(mut self, asked: &Receiver<()>) {
        loop {
            match asked.recv_timeout(EVERY) {
                Ok(()) => self.read(stamp(&self.file)),
                Err(RecvTimeoutError::Timeout) => self.look(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn look(&mut self) {
        let now = stamp(&self.file);
        if now == self.seen {
            self.before = None;
        } else if self.before.replace(now) == Some(now) {
            // Touched, or written as it was.
            match revision_of(&self.file) {
                revision if revision.is_some() && revision == self.read => (self.seen, self.before) = (now, None),
                _ => self.read(now),
            }
        }
    }

    fn read(&mut self, stamp: Stamp) {
        (self.seen, self.before) = (stamp, None);
        self.read = revision_of(&self.file);
        self.live.reload(&self.file);
    }
}

fn stamp(file: &Path) -> Stamp {
    let about = fs::metadata(file).ok()?;
    Some((about.mtime(), about.mtime_nsec(), about.len(), about.ino(), about.dev()))
}
