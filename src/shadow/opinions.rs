//! Asks models about pairs of answers: off every path, a share of the pairs, a few at a time, under a budget of its own.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::HeaderMap;
use prometheus::IntCounter;
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::account::asked;
use super::budget::Budget;
use super::exchange::Exchange;
use super::pause::Pause;
use super::sample::Sample;
use crate::auth::{Caller, Kind};
use crate::compare::{Comparison, Finding, NONSENSE, OPINIONS, Observed, Opinion, Outcome, Pair, Settings};
use crate::config::{self, Asking};
use crate::credential::Client;
use crate::error::{Error, Kind as ErrorKind};
use crate::store::Store;
use crate::telemetry::Metrics;
use crate::upstream::{self, Backend, Call};

/// Pairs that are asked about at a time; about those that come on top nobody is asked.
const AT_A_TIME: usize = 4;

/// Longest time for one question.
const DEADLINE: Duration = Duration::from_secs(60);

/// Largest answer.
const ANSWER: usize = 1 << 20;

/// Bytes of text for each token, where nobody counted.
const PER_TOKEN: u64 = 4;

/// Whoever is asked about the pairs of a route.
pub(super) struct Opinions {
    route: String,
    askers: Vec<Asker>,
    places: Arc<Semaphore>,
}

/// One model that is asked for one measure.
struct Asker {
    opinion: &'static dyn Opinion,
    backend: Arc<Backend>,
    sample: Sample,
    budget: Budget,
    pause: Pause,
    caller: Arc<Caller>,
    counts: Counts,
}

/// What came of asking, by how it is called in the metrics.
struct Counts {
    same: IntCounter,
    different: IntCounter,
    reverse: IntCounter,
    nonsense: IntCounter,
    failed: IntCounter,
    unasked: IntCounter,
}

impl Opinions {
    /// Those of a route; their budgets go on from those of `previous`.
    pub(super) fn new(
        config: &config::Config,
        route: &str,
        asked: &[Asking],
        metrics: &Metrics,
        previous: Option<&Self>,
    ) -> io::Result<Self> {
        let mut askers = Vec::new();
        for asking in asked {
            let opinion = OPINIONS.iter().find(|opinion| opinion.name() == asking.measure);
            let (Some(opinion), Some(backend)) = (opinion, config.backends.get(asking.backend)) else { continue };
            let backend = config::Backend { health: None, ..backend.clone() };
            let meters = metrics.backend(&format!("shadow:{}", backend.name));
            let budget = Budget::new(asking.budget);
            let before =
                previous.and_then(|previous| previous.askers.iter().find(|asker| asker.is_for(asking.measure)));
            if let Some(before) = before {
                budget.resume(&before.budget);
            }
            let count = |outcome: &str| metrics.shadow.opinions(route, asking.measure, outcome);
            askers.push(Asker {
                opinion: *opinion,
                backend: Arc::new(Backend::new(&backend, None, meters)?),
                sample: Sample::new(asking.sample, asking.measure, route),
                budget,
                pause: Pause::default(),
                caller: Arc::new(Caller::named("shadow", Kind::Pat)),
                counts: Counts {
                    same: count("same"),
                    different: count("different"),
                    reverse: count("reverse"),
                    nonsense: count(NONSENSE),
                    failed: count("failed"),
                    unasked: count("not_asked"),
                },
            });
        }
        Ok(Self { route: route.to_owned(), askers, places: Arc::new(Semaphore::new(AT_A_TIME)) })
    }

    /// A place for one more pair, if anybody is asked here and one is free.
    pub(super) fn place(&self) -> Option<OwnedSemaphorePermit> {
        if self.askers.is_empty() {
            return None;
        }
        let place = Arc::clone(&self.places).try_acquire_owned().ok();
        if place.is_none() {
            self.askers.iter().for_each(|asker| asker.counts.unasked.inc());
        }
        place
    }

    /// Waits until nobody is asked any more.
    pub(super) async fn settled(&self) {
        let _ = self.places.acquire_many(u32::try_from(AT_A_TIME).unwrap_or(u32::MAX)).await;
    }

    /// Asks everybody about an exchange; what they find goes into the comparisons.
    pub(super) async fn ask(
        &self,
        exchange: &Exchange,
        comparison: &mut Comparison,
        again: Option<&mut Comparison>,
        settings: &Settings,
    ) {
        let person = asked(&String::from_utf8_lossy(&exchange.request));
        let mut again = again.zip(exchange.again.as_ref());
        for asker in self.askers.iter().filter(|asker| asker.sample.has(None)) {
            let pair = |right| pair(&person, &exchange.primary, right);
            let Some(finding) = asker.finding(&pair(&exchange.candidate), settings).await else { continue };
            if let Some((again, twin)) = again.as_mut().filter(|_| asker.opinion.asks_about_noise())
                && let Some(finding) = asker.finding(&pair(*twin), settings).await
            {
                again.add(asker.opinion.name(), finding);
            }
            comparison.add(asker.opinion.name(), finding);
        }
    }

    /// Brings to the store what has been spent.
    pub(super) async fn flush(&self, store: &Store) {
        for asker in &self.askers {
            let spent = asker.budget.unkept();
            if spent.requests == 0 && spent.tokens == 0 {
                continue;
            }
            let account = format!("{} ({})", self.route, asker.opinion.name());
            if let Ok(today) = store.ask(move |kept| kept.spend(&account, spent)).await {
                asker.budget.keep(spent, today);
            }
        }
    }
}

fn pair<'a>(asked: &'a str, left: &'a Observed, right: &'a Observed) -> Pair<'a> {
    Pair { asked, left, right, swapped: fastrand::bool() }
}

impl Asker {
    fn is_for(&self, measure: &str) -> bool {
        self.opinion.name() == measure
    }

    /// What the model finds; none if it cannot or may not be asked.
    async fn finding(&self, pair: &Pair<'_>, settings: &Settings) -> Option<Finding> {
        let mut answered = Vec::new();
        while let Some(question) = self.opinion.ask(pair, &answered) {
            if self.pause.is_on(Instant::now()) || !self.budget.take() {
                self.counts.unasked.inc();
                return None;
            }
            match self.answer(question).await {
                Ok(answer) => answered.push(answer),
                Err(error) => {
                    self.pause.failed(Instant::now(), Duration::ZERO);
                    self.counts.failed.inc();
                    tracing::debug!(measure = self.opinion.name(), %error, "a model was asked in vain");
                    return None;
                }
            }
            self.pause.succeeded();
        }
        let finding = self.opinion.finding(pair, &answered, settings);
        if !answered.is_empty() {
            self.count(&finding);
        }
        Some(finding)
    }

    fn count(&self, finding: &Finding) {
        let counts = &self.counts;
        let nonsense = finding.differences.iter().any(|difference| difference.path == NONSENSE);
        match finding.outcome {
            Outcome::NotApplicable if nonsense => counts.nonsense.inc(),
            Outcome::Different => counts.different.inc(),
            Outcome::Reverse => counts.reverse.inc(),
            _ => counts.same.inc(),
        }
    }

    /// One answer; what is no JSON is a text, and for the measure to make sense of.
    async fn answer(&self, mut question: Value) -> Result<Value, Error> {
        if let (Some(model), Some(fields)) = (&self.backend.model, question.as_object_mut()) {
            fields.insert("model".to_owned(), Value::String(model.clone()));
        }
        let body = question.to_string();
        let asked = body.len();
        let client = Client::new(Arc::clone(&self.caller), None);
        let call = Call { body: body.into(), rest: None, stream: false, headers: HeaderMap::new(), client };
        let answered = async {
            let mut reply = self.backend.call(&call).await;
            // Asking twice does nothing to the world, and a connection that was just being closed says nothing of a model.
            if reply.as_ref().is_err_and(|error| matches!(error.kind(), ErrorKind::NotBegun | ErrorKind::Cut)) {
                reply = self.backend.call(&call).await;
            }
            let reply = reply?;
            let timeouts = &self.backend.timeouts;
            let limits = upstream::Limits { bytes: ANSWER, idle: timeouts.idle, total: timeouts.total };
            upstream::whole(reply.body, limits).await
        };
        let body = tokio::time::timeout(DEADLINE, answered).await.unwrap_or_else(|_| {
            let message = format!("no answer within {} s", DEADLINE.as_secs());
            Err(Error::new(ErrorKind::TotalTimeout, message))
        })?;
        let answer = serde_json::from_slice(&body)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&body).into_owned()));
        let counted = answer.pointer("/usage/total_tokens").and_then(Value::as_u64);
        self.budget.used(counted.unwrap_or((asked + body.len()) as u64 / PER_TOKEN));
        Ok(answer)
    }
}
