//! The one thread that owns the database: it opens it, opens it again when it is gone, and works off the queue.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::{Fault, Kept};
use crate::telemetry::StoreGauges;

/// How the database is opened.
pub(super) type Open = Box<dyn FnMut() -> Result<Box<dyn Kept>, Fault> + Send>;

type Told = Box<dyn FnOnce(&mut dyn Kept) -> Result<(), Fault> + Send>;

/// Says whether it went well before the answer is on its way.
type Asked = Box<dyn FnOnce(Result<&mut dyn Kept, Fault>, &dyn Fn(bool)) + Send>;

/// Told jobs that are made fast together: one wait for the disk instead of as many.
const TOGETHER: usize = 256;

/// The wait between two tries to open a database.
const RETRY: Duration = Duration::from_secs(1);

/// One thing to do.
pub(super) enum Job {
    /// May be lost.
    Tell(Told),
    /// Somebody waits for the answer.
    Ask(Asked),
}

impl Job {
    pub(super) fn ask<T: Send + 'static>(
        what: impl FnOnce(&mut dyn Kept) -> Result<T, Fault> + Send + 'static,
        answer: oneshot::Sender<Result<T, Fault>>,
    ) -> Self {
        Self::Ask(Box::new(move |kept, health| {
            // Nobody is told of what is done now, so it must not be done.
            if !answer.is_closed() {
                let done = kept.and_then(|kept| whole(kept, what));
                health(done.is_ok());
                let _ = answer.send(done);
            }
        }))
    }

    pub(super) fn ask_now<T: Send + 'static>(
        what: impl FnOnce(&mut dyn Kept) -> Result<T, Fault> + Send + 'static,
        answer: SyncSender<Result<T, Fault>>,
    ) -> Self {
        Self::Ask(Box::new(move |kept, health| {
            let done = kept.and_then(|kept| whole(kept, what));
            health(done.is_ok());
            let _ = answer.try_send(done);
        }))
    }
}

/// Does one job in a transaction of its own.
fn whole<T>(kept: &mut dyn Kept, what: impl FnOnce(&mut dyn Kept) -> Result<T, Fault>) -> Result<T, Fault> {
    let (mut what, mut value) = (Some(what), None);
    kept.whole(&mut |kept| {
        if let Some(what) = what.take() {
            value = Some(what(kept)?);
        }
        Ok(())
    })?;
    value.ok_or_else(|| Fault::new("the job was not done"))
}

/// The thread's belongings.
pub(super) struct Writer {
    open: Open,
    kept: Option<Box<dyn Kept>>,
    /// Why there is none, and when it was tried last.
    missing: Option<(Fault, Instant)>,
    gauges: Arc<StoreGauges>,
}

impl Writer {
    pub(super) fn new(open: Open, gauges: Arc<StoreGauges>) -> Self {
        Self { open, kept: None, missing: None, gauges }
    }

    /// Works until every [`Store`](super::Store) is gone and the queue is empty.
    pub(super) fn run(mut self, jobs: &Receiver<Job>) {
        self.find();
        let mut next = None;
        loop {
            let job = match next.take() {
                Some(job) => job,
                None => match jobs.recv_timeout(RETRY) {
                    Ok(job) => job,
                    Err(RecvTimeoutError::Timeout) => {
                        self.find();
                        continue;
                    }
                    Err(RecvTimeoutError::Disconnected) => return,
                },
            };
            match job {
                Job::Ask(ask) => self.answer(ask),
                Job::Tell(tell) => {
                    let mut told = vec![tell];
                    while told.len() < TOGETHER {
                        match jobs.try_recv() {
                            Ok(Job::Tell(tell)) => told.push(tell),
                            Ok(ask) => {
                                next = Some(ask);
                                break;
                            }
                            Err(_) => break,
                        }
                    }
                    self.keep(told);
                }
            }
        }
    }

    fn answer(&mut self, ask: Asked) {
        self.gauges.waiting.dec();
        self.find();
        let gauge = self.gauges.ok.clone();
        let health = move |well: bool| gauge.set(well.into());
        match (&mut self.kept, &self.missing) {
            (Some(kept), _) => ask(Ok(kept.as_mut()), &health),
            (None, Some((fault, _))) => ask(Err(fault.clone()), &health),
            (None, None) => ask(Err(Fault::new("not open yet")), &health),
        }
    }

    /// Keeps what was told. One that cannot be kept costs no other.
    fn keep(&mut self, told: Vec<Told>) {
        let count = told.len();
        self.gauges.waiting.sub(i64::try_from(count).unwrap_or_default());
        self.find();
        let Some(kept) = &mut self.kept else { return self.gauges.lost.inc_by(count as u64) };
        let mut lost = 0;
        let mut told = Some(told);
        let done = kept.whole(&mut |kept| {
            for tell in told.take().unwrap_or_default() {
                lost += u64::from(tell(kept).is_err());
            }
            Ok(())
        });
        let lost = if done.is_err() { count as u64 } else { lost };
        self.gauges.lost.inc_by(lost);
        if let Err(fault) = &done {
            tracing::warn!(%fault, lost, "the store lost what it was told");
        }
        self.health(done.is_ok() && lost == 0);
    }

    /// Sees to it that the database is open and is the one that the next start will find.
    fn find(&mut self) {
        if self.kept.as_ref().is_some_and(|kept| !kept.is_there()) {
            tracing::warn!("the store's file is gone; a new one is made, and what was in the old one is lost");
            self.kept = None;
            self.missing = None;
        }
        if self.kept.is_some() || self.missing.as_ref().is_some_and(|(_, tried)| tried.elapsed() < RETRY) {
            return;
        }
        match (self.open)() {
            Ok(kept) => {
                if self.missing.take().is_some() {
                    tracing::info!("the store is back");
                }
                self.kept = Some(kept);
                self.health(true);
            }
            Err(fault) => {
                if self.missing.as_ref().is_none_or(|(known, _)| *known != fault) {
                    tracing::error!(%fault, "no store; the gateway serves on, and nothing is kept");
                }
                self.missing = Some((fault, Instant::now()));
                self.health(false);
            }
        }
    }

    fn health(&self, well: bool) {
        self.gauges.ok.set(well.into());
    }
}
