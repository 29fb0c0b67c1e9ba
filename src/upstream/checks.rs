//! Asking a backend whether it is there, where it has a path for that.
//!
//! An agent's server that runs one request at a time answers its health check when that request is over: it is slow, not
//! dead. So a check that gets no answer in time counts only while no request is under way or has just gone well; whether
//! those get their answers in time is for their own deadlines and the breaker.

use std::io;
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Uri, header};
use http_body_util::Full;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use super::condition::Condition;
use crate::config::{self, Health};
use crate::credential::{Client, Credential};
use crate::net::Fetcher;
use crate::telemetry::BackendMeters;

/// Checks that go on until this is dropped.
#[derive(Debug)]
pub(super) struct Checks(AbortHandle);

impl Drop for Checks {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What a check has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    /// It answered and is well.
    Well,
    /// It is not there, or says that it is unwell.
    Unwell,
    /// It did not answer in time.
    Nothing,
}

/// Answers in a row.
#[derive(Debug, Default)]
struct Tally {
    well: u32,
    unwell: u32,
}

impl Tally {
    /// Whether the backend is out after one more check; none if it stays as it is. `busy`: requests are under way, or
    /// have gone well since the check before.
    fn judge(&mut self, seen: Seen, busy: bool, health: &Health) -> Option<bool> {
        match seen {
            Seen::Nothing if busy => return None,
            Seen::Well => (self.well, self.unwell) = (self.well + 1, 0),
            Seen::Unwell | Seen::Nothing => (self.well, self.unwell) = (0, self.unwell + 1),
        }
        if self.unwell >= health.fall { Some(true) } else { (self.well >= health.rise).then_some(false) }
    }
}

/// Who is asked, and how.
struct Asked {
    name: String,
    url: Uri,
    health: Health,
    fetcher: Fetcher,
    credential: Arc<dyn Credential>,
    meters: BackendMeters,
}

impl Checks {
    /// Starts to check a backend; none without a path for it, or outside a runtime, where nothing can be served either.
    ///
    /// # Errors
    /// When certificate authorities cannot be read.
    pub(super) fn start(
        config: &config::Backend,
        credential: &Arc<dyn Credential>,
        meters: &BackendMeters,
        condition: Weak<Condition>,
    ) -> io::Result<Option<Self>> {
        let (Some(health), Ok(runtime)) = (config.health.clone(), Handle::try_current()) else { return Ok(None) };
        let mut parts = config.url.clone().into_parts();
        parts.path_and_query = Some(health.path.clone());
        let asked = Asked {
            name: config.name.clone(),
            url: Uri::from_parts(parts).map_err(io::Error::other)?,
            fetcher: Fetcher::new(&config.url, config.ca.as_ref())?,
            credential: Arc::clone(credential),
            meters: meters.clone(),
            health,
        };
        Ok(Some(Self(runtime.spawn(asked.again_and_again(condition)).abort_handle())))
    }
}

impl Asked {
    async fn again_and_again(self, condition: Weak<Condition>) {
        let (mut tally, mut before) = (Tally::default(), 0);
        loop {
            // Replicas that were started together do not ask together.
            tokio::time::sleep(self.health.every.mul_f64(0.9 + fastrand::f64() / 5.0)).await;
            let seen = self.ask().await;
            let Some(condition) = condition.upgrade() else { return };
            let (in_flight, well) = condition.at_work();
            let busy = in_flight > 0 || well != before;
            before = well;
            if let Some(out) = tally.judge(seen, busy, &self.health)
                && condition.put_out(out) != out
            {
                self.meters.standing.set(if out { 2 } else { 0 });
                match out {
                    true => tracing::warn!(backend = self.name, ?seen, "its health checks have failed, so it is out"),
                    false => tracing::info!(backend = self.name, "its health checks pass, so it is in again"),
                }
            }
        }
    }

    async fn ask(&self) -> Seen {
        match tokio::time::timeout(self.health.timeout, self.answer()).await {
            Err(_) => Seen::Nothing,
            Ok(true) => Seen::Well,
            Ok(false) => Seen::Unwell,
        }
    }

    async fn answer(&self) -> bool {
        let mut headers = HeaderMap::new();
        // A token of ours opens the door to the path, too; a caller's there is none here.
        if let Ok(Some(shown)) = self.credential.present(&Client::nobody()).header().await {
            headers.insert(header::AUTHORIZATION, shown);
        }
        let body = Full::new(Bytes::new());
        let answer = self.fetcher.send(Method::GET, &self.url, headers, body).await;
        answer.is_ok_and(|answer| answer.status.is_success())
    }
}

/// How long a backend that its checks took out is said to stay so: until the next check may bring it back.
pub(super) const NEXT: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn health(fall: u32, rise: u32) -> Health {
        let second = Duration::from_secs(1);
        Health { path: "/health".parse().unwrap(), every: second, timeout: second, fall, rise }
    }

    fn judged(seen: &[(Seen, bool)], health: &Health) -> Vec<Option<bool>> {
        let mut tally = Tally::default();
        seen.iter().map(|(seen, busy)| tally.judge(*seen, *busy, health)).collect()
    }

    #[test]
    fn several_bad_answers_in_a_row_take_it_out_and_good_ones_bring_it_back() {
        use Seen::{Unwell, Well};
        let seen = [Unwell, Unwell, Well, Unwell, Unwell, Unwell, Well, Well].map(|seen| (seen, false));
        let wanted = [None, None, None, None, None, Some(true), None, Some(false)];
        assert_eq!(judged(&seen, &health(3, 2)), wanted);
    }

    #[test]
    fn what_is_at_work_is_slow_and_not_dead() {
        use Seen::{Nothing, Unwell};
        assert!(judged(&[(Nothing, true); 100], &health(3, 1)).iter().all(Option::is_none));
        assert_eq!(judged(&[(Nothing, false); 3], &health(3, 1))[2], Some(true));
        assert_eq!(judged(&[(Unwell, true); 3], &health(3, 1))[2], Some(true), "who says no is heard, however busy");
    }
}
