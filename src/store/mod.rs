//! What is kept over restarts: weights that were set for now, and who changed what, when and why.
//!
//! [`Store`] is a bounded queue in front of one thread that owns the database, so nobody waits for a disk who does not
//! want to. What can be lost is [told](Store::tell) and never waited for: what the queue or the disk has no room for is
//! counted. What must be kept is [asked for](Store::ask), and a store that is full, locked or gone is an answer. The
//! gateway starts and serves whatever state the store is in.
//!
//! A table is one file here with its rows, its trait and its SQL, one numbered file in `migrations/`, and one word in
//! [`Kept`].

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::config;
use crate::telemetry::StoreGauges;

mod audit;
mod evidence;
mod migrations;
mod moments;
mod records;
mod sqlite;
mod weights;
mod writer;

pub use audit::{Audit, Entry};
pub use evidence::{Counted, Day, Evidence, Fates};
pub use moments::{Moments, Snapshot};
pub use records::{Record, Records, Which};
pub use weights::{Change, Override, Weights};

use sqlite::Sqlite;
use writer::{Job, Writer};

/// Jobs that wait for the disk; what comes on top is refused or lost.
const QUEUE: usize = 4096;

/// How long an answer is waited for. Longer than the database waits for a lock, so that what is reported as failed has
/// failed.
const PATIENCE: Duration = Duration::from_secs(8);

/// Everything the gateway needs kept, by one database connection. Its methods may take as long as a disk does.
pub trait Kept: Audit + Evidence + Moments + Records + Weights + Send {
    /// Does a job whole or not at all.
    ///
    /// # Errors
    /// What the job says, or the database when the job is made fast.
    fn whole(&mut self, job: &mut dyn FnMut(&mut dyn Kept) -> Result<(), Fault>) -> Result<(), Fault>;

    /// Whether the database behind this connection is still the one that the next start will find.
    fn is_there(&self) -> bool;
}

/// Why the database did not do something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault(String);

impl Fault {
    /// With the database's words.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Fault {}

/// Why something is not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unkept {
    /// The config says `store: none`.
    NoStore,
    /// Too much waits for the store.
    Busy,
    /// The store did not answer in time.
    Slow,
    /// The store cannot.
    Failed(Fault),
}

impl fmt::Display for Unkept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoStore => f.write_str("there is no store (`store: none`)"),
            Self::Busy => f.write_str("the store is behind: too much waits for it"),
            Self::Slow => write!(f, "the store did not answer within {} s", PATIENCE.as_secs()),
            Self::Failed(fault) => write!(f, "the store failed: {fault}"),
        }
    }
}

impl std::error::Error for Unkept {}

/// The way to the store; clones lead to the same one.
#[derive(Clone)]
pub struct Store {
    queue: Option<SyncSender<Job>>,
    gauges: Arc<StoreGauges>,
}

impl Store {
    /// Starts the store's thread. It opens the database, now or as soon as that is possible.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(config: &config::Store, gauges: StoreGauges) -> std::io::Result<Self> {
        let path = match config {
            config::Store::None => return Ok(Self::none(gauges)),
            config::Store::Sqlite(path) => path.clone(),
        };
        let open = move || Sqlite::open(&path).map(|sqlite| Box::new(sqlite) as Box<dyn Kept>);
        Self::with(Box::new(open), gauges)
    }

    fn none(gauges: StoreGauges) -> Self {
        gauges.ok.set(1);
        Self { queue: None, gauges: Arc::new(gauges) }
    }

    fn with(open: writer::Open, gauges: StoreGauges) -> std::io::Result<Self> {
        let gauges = Arc::new(gauges);
        let (queue, jobs) = sync_channel(QUEUE);
        let writer = Writer::new(open, Arc::clone(&gauges));
        std::thread::Builder::new().name("store".into()).spawn(move || writer.run(&jobs))?;
        Ok(Self { queue: Some(queue), gauges })
    }

    /// Has something kept, or read, and waits for it: it is done whole, or not at all.
    ///
    /// # Errors
    /// When it is not done.
    pub async fn ask<T: Send + 'static>(
        &self,
        what: impl FnOnce(&mut dyn Kept) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Unkept> {
        let (answer, answered) = oneshot::channel();
        self.send(Job::ask(what, answer))?;
        match tokio::time::timeout(PATIENCE, answered).await {
            Ok(Ok(answer)) => answer.map_err(Unkept::Failed),
            Ok(Err(_)) => Err(Unkept::Busy),
            Err(_) => Err(Unkept::Slow),
        }
    }

    /// The same for whoever cannot await: at the start, before there is anything to hold up.
    ///
    /// # Errors
    /// When it is not done.
    pub fn ask_now<T: Send + 'static>(
        &self,
        what: impl FnOnce(&mut dyn Kept) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Unkept> {
        let (answer, answered) = sync_channel(1);
        self.send(Job::ask_now(what, answer))?;
        match answered.recv_timeout(PATIENCE) {
            Ok(answer) => answer.map_err(Unkept::Failed),
            Err(_) => Err(Unkept::Slow),
        }
    }

    /// Has something kept if there is room, and never waits. What is lost is counted.
    pub fn tell(&self, what: impl FnOnce(&mut dyn Kept) -> Result<(), Fault> + Send + 'static) {
        if self.queue.is_some() && self.send(Job::Tell(Box::new(what))).is_err() {
            self.gauges.lost.inc();
        }
    }

    /// Waits until what it has been told so far is kept, or is not going to be.
    pub async fn settle(&self) {
        let _ = self.ask(|_| Ok(())).await;
    }

    fn send(&self, job: Job) -> Result<(), Unkept> {
        let queue = self.queue.as_ref().ok_or(Unkept::NoStore)?;
        self.gauges.waiting.inc();
        queue.try_send(job).map_err(|error| {
            self.gauges.waiting.dec();
            match error {
                TrySendError::Full(_) | TrySendError::Disconnected(_) => Unkept::Busy,
            }
        })
    }

    /// Whether the store does what it is asked, as far as is known.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.gauges.ok.get() == 1
    }

    /// Whether there is one.
    #[must_use]
    pub fn is_some(&self) -> bool {
        self.queue.is_some()
    }
}

#[cfg(test)]
mod tests;
