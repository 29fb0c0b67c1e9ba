//! Sends copies, so many at a time and so many a second, and hands on what was answered.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use super::budget::Pace;
use super::copy::{Copy, Original};
use super::exchange::Exchange;
use super::funnel::Fate;
use super::heard::{self, Heard};
use super::isolate::Isolation;
use super::ledger::Compared;
use super::mirror::Shared;
use super::ticket::Job;
use super::workers::Workers;
use crate::upstream::Backend;

/// What the candidate's copies put before names.
const SHADOW: &str = "shadow";

/// What the primary's second copies put before names: it may share its store with the candidate.
const NOISE: &str = "shadow-noise";

/// Bytes of text for each token, where nobody counted.
const PER_TOKEN: u64 = 4;

/// How often what is new goes to the store, and how often what is old is let go of.
const FLUSH: Duration = Duration::from_secs(1);
const PRUNE: Duration = Duration::from_secs(60);

/// How long requests that have come may take to meet their fates before the last counts go to the store.
const LAST_FATES: Duration = Duration::from_secs(1);

/// Works until the mirror is gone, or no more requests come, and the queue is empty; then the store is told for the last
/// time.
pub(super) async fn run(shared: Arc<Shared>, mut jobs: mpsc::Receiver<Job>, workers: Workers) {
    let ended = CancellationToken::new();
    let keeper = tokio::spawn(keep(Arc::clone(&shared), ended.clone()));
    let guard = ended.drop_guard();
    let permits = Arc::new(Semaphore::new(shared.config.limits.concurrency));
    let mut pace = Pace::new(shared.config.limits.per_second);
    while let Some(mut job) = next(&mut jobs, &workers).await {
        // What gets no turn any more is dropped, and with that counted.
        let Some(permit) = turn(&permits, &mut pace, &workers).await else { continue };
        if shared.pause.is_on(Instant::now()) {
            job.place.fate = Fate::Paused;
            continue;
        }
        let (shared, workers) = (Arc::clone(&shared), workers.clone());
        tokio::spawn(async move {
            mirror(&shared, job, &workers).await;
            drop(permit);
        });
    }
    // Those that are on their way have the last word.
    let all = u32::try_from(shared.config.limits.concurrency).unwrap_or(u32::MAX);
    let _ = permits.acquire_many(all).await;
    shared.opinions.settled().await;
    let _ = tokio::time::timeout(LAST_FATES, shared.funnel.settled()).await;
    // Not in the middle of telling the store: then nobody would know what it has been told.
    drop(guard);
    let _ = keeper.await;
    shared.flush().await;
}

/// The next copy; none when no more come and none is left.
async fn next(jobs: &mut mpsc::Receiver<Job>, workers: &Workers) -> Option<Job> {
    tokio::select! {
        job = jobs.recv() => return job,
        () = workers.closed() => jobs.close(),
    }
    jobs.recv().await
}

/// A copy's turn, when there is one before all is over.
async fn turn(permits: &Arc<Semaphore>, pace: &mut Pace, workers: &Workers) -> Option<OwnedSemaphorePermit> {
    let turn = async {
        let permit = Arc::clone(permits).acquire_owned().await.ok()?;
        tokio::time::sleep_until(pace.turn(Instant::now()).into()).await;
        Some(permit)
    };
    tokio::select! {
        biased;
        () = workers.over() => None,
        permit = turn => permit,
    }
}

/// Brings what is new to the store from time to time, until the worker has ended.
async fn keep(shared: Arc<Shared>, ended: CancellationToken) {
    let mut pruned: Option<Instant> = None;
    while !ended.is_cancelled() {
        shared.flush().await;
        if pruned.is_none_or(|pruned| pruned.elapsed() >= PRUNE) {
            shared.ledger.prune();
            pruned = Some(Instant::now());
        }
        let _ = tokio::time::timeout(FLUSH, ended.cancelled()).await;
    }
}

/// The copy of a request for the candidate, or why there can be none.
pub(super) fn copy(shared: &Shared, candidate: &Backend, original: &Original) -> Result<Copy, Fate> {
    original.copy(candidate, Isolation::new(SHADOW, &shared.places), shared.config.pass_caller_token)
}

/// Sends one copy, and another one to the primary if the request is in that sample.
async fn mirror(shared: &Arc<Shared>, mut job: Job, workers: &Workers) {
    let Some(candidate) = &shared.candidate else { return };
    let copy = match copy(shared, candidate, &job.original) {
        Ok(copy) => copy,
        Err(fate) => return job.place.fate = fate,
    };
    if !shared.budget.take() {
        return job.place.fate = Fate::OverBudget;
    }
    let asked = async {
        let again = again(shared, &job.original, job.primary.backend, job.noise);
        tokio::join!(heard::ask(candidate, copy, shared.bounds()), again)
    };
    let (heard, again) = tokio::select! {
        biased;
        both = asked => both,
        // Its copy has gone out, but nobody hears the answer: it is shed like those that still wait.
        () = workers.over() => return,
    };
    let Some(heard) = heard else {
        // It has gone out, but there was no time to hear it.
        shared.budget.used(of_request(&job.original));
        return job.place.fate = Fate::Shed;
    };
    job.place.fate = Fate::Mirrored;
    settle(shared, &job.original, &heard);
    let Job { place, original, primary, .. } = job;
    // Comparing may take a while: one at a time, and other copies are heard meanwhile. The semaphore is never closed.
    let _turn = shared.comparing.acquire().await;
    let asks = shared.opinions.place();
    let ledger = Arc::clone(&shared.ledger);
    let compare = move || {
        let compared = ledger.compare(Exchange::new(original, primary, heard, again));
        match asks {
            Some(asks) => Some((compared, asks, place)),
            None => {
                ledger.take(compared);
                drop(place);
                None
            }
        }
    };
    match tokio::task::spawn_blocking(compare).await {
        // Models take their time; meanwhile the next copy has its turn.
        Ok(Some((compared, asks, place))) => {
            let (shared, workers) = (Arc::clone(shared), workers.clone());
            tokio::spawn(async move {
                judge(&shared, compared, &workers).await;
                drop((place, asks));
            });
        }
        Ok(None) => {}
        Err(_) => tracing::error!("a comparison panicked; the exchange is not counted"),
    }
}

/// Asks whoever is to be asked about a pair, then counts it as well.
async fn judge(shared: &Arc<Shared>, mut compared: Compared, workers: &Workers) {
    let Compared { exchange, comparison, again, settings, .. } = &mut compared;
    tokio::select! {
        biased;
        () = shared.opinions.ask(exchange, comparison, again.as_mut(), settings) => {}
        () = workers.over() => {}
    }
    let ledger = Arc::clone(&shared.ledger);
    if tokio::task::spawn_blocking(move || ledger.take(compared)).await.is_err() {
        tracing::error!("recording an exchange panicked; it is not counted");
    }
}

/// Asks the primary a second time, to know how much it differs from itself.
async fn again(shared: &Arc<Shared>, original: &Original, primary: usize, noise: bool) -> Option<Heard> {
    let primary = shared.primaries.get(&primary).filter(|_| noise)?;
    let copy = original.copy(primary, Isolation::new(NOISE, &shared.places), true).ok()?;
    if !shared.budget.take() {
        return None;
    }
    let Some(heard) = heard::ask(primary, copy, shared.bounds()).await else {
        shared.budget.used(of_request(original));
        return None;
    };
    shared.budget.used(tokens(original, &heard));
    Some(heard)
}

/// Books what a copy took, and whether the candidate is well.
fn settle(shared: &Shared, original: &Original, heard: &Heard) {
    shared.budget.used(tokens(original, heard));
    match heard.unwell {
        Some(wait) => shared.pause.failed(Instant::now(), wait),
        None => shared.pause.succeeded(),
    }
}

fn tokens(original: &Original, heard: &Heard) -> u64 {
    heard.tokens.unwrap_or_else(|| of_request(original) + heard.observed.text().len() as u64 / PER_TOKEN)
}

/// Tokens of a request, about.
fn of_request(original: &Original) -> u64 {
    original.body.len() as u64 / PER_TOKEN
}
