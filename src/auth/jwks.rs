//! An issuer's keys: fetched when needed and no more often than allowed, kept through outages.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use http::Uri;
use serde::Deserialize;

use super::key::{Key, read_set};
use crate::config::{Algorithm, CaBundle, Oauth};
use crate::net::{Failed, Fetcher, Flight};

/// At most [`FETCHES`] in this time, whatever tokens say and whatever came of them.
const WINDOW: Duration = Duration::from_secs(30);
const FETCHES: usize = 2;

/// An issuer that could not even be connected to was not asked, and may be back at any time: it is tried again so soon.
const RETRY: Duration = Duration::from_secs(1);

/// A set that is older is fetched again, while it goes on serving.
const FRESH: Duration = Duration::from_secs(300);

/// A set that could not be fetched again for so long is not believed any more.
const BELIEVED: Duration = Duration::from_secs(24 * 3600);

/// How long a request waits for a key.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why there is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// The issuer has none of this name.
    Key,
    /// The issuer's keys could not be had.
    Set,
}

/// The keys of one issuer.
pub(super) struct Keys {
    issuer: String,
    url: Uri,
    jwks_uri: Option<Uri>,
    ca: Option<CaBundle>,
    fetcher: Fetcher,
    set: ArcSwapOption<Set>,
    fetches: Mutex<Fetches>,
    flight: Flight<()>,
}

struct Set {
    keys: Vec<Arc<Key>>,
    fetched: Instant,
}

/// What limits the next fetch.
#[derive(Default)]
struct Fetches {
    /// Those of the last [`WINDOW`].
    recent: Vec<Instant>,
    /// When the issuer could not be connected to.
    unreached: Option<Instant>,
}

/// What discovery says (OpenID Connect Discovery 1.0, 4.2), as far as it matters here.
#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

impl Keys {
    /// The keys of an issuer; those of `known` if it is the same one, so that a reload forgets no key in an outage.
    ///
    /// # Errors
    /// When the issuer is behind TLS and the certificate authorities cannot be had.
    pub(super) fn of(oauth: &Oauth, known: &[Arc<Self>]) -> io::Result<Arc<Self>> {
        if let Some(same) = known.iter().find(|keys| keys.are_of(oauth)) {
            return Ok(Arc::clone(same));
        }
        Ok(Arc::new(Self {
            issuer: oauth.issuer.clone(),
            url: oauth.url.clone(),
            jwks_uri: oauth.jwks_uri.clone(),
            ca: oauth.ca.clone(),
            fetcher: Fetcher::new(oauth.jwks_uri.as_ref().unwrap_or(&oauth.url), oauth.ca.as_ref())?,
            set: ArcSwapOption::empty(),
            fetches: Mutex::default(),
            flight: Flight::default(),
        }))
    }

    fn are_of(&self, oauth: &Oauth) -> bool {
        (&self.issuer, &self.jwks_uri, &self.ca) == (&oauth.issuer, &oauth.jwks_uri, &oauth.ca)
    }

    /// A key that is known already. Never waits.
    pub(super) fn known(self: &Arc<Self>, kid: Option<&str>, algorithm: Algorithm) -> Option<Arc<Key>> {
        let set = self.set.load();
        let set = set.as_ref().filter(|set| set.fetched.elapsed() < BELIEVED)?;
        if set.fetched.elapsed() > FRESH && self.may_fetch() {
            drop(self.flight.join(|| Arc::clone(self).refresh()));
        }
        let mut fitting = set.keys.iter().filter(|key| key.fits(kid, algorithm));
        let (key, another) = (fitting.next()?, fitting.next());
        // A token that does not name its key may only mean the one there is.
        (kid.is_some() || another.is_none()).then(|| Arc::clone(key))
    }

    /// A key that may have to be fetched.
    pub(super) async fn find(self: &Arc<Self>, kid: Option<&str>, algorithm: Algorithm) -> Result<Arc<Key>, Missing> {
        // The flight that is joined first may have begun before the issuer had this key.
        for _ in 0..FETCHES {
            self.flight.join(|| Arc::clone(self).refresh()).within(PATIENCE).await;
            if let Some(key) = self.known(kid, algorithm) {
                return Ok(key);
            }
        }
        Err(if self.set.load().is_some() { Missing::Key } else { Missing::Set })
    }

    async fn refresh(self: Arc<Self>) {
        if !self.take_fetch() {
            return;
        }
        match self.fetch().await {
            Ok(keys) => self.set.store(Some(Arc::new(Set { keys, fetched: Instant::now() }))),
            Err(error) => {
                if error.is_unreached() {
                    self.give_back();
                }
                tracing::warn!(issuer = self.issuer, %error, "the issuer's keys were not fetched");
            }
        }
    }

    async fn fetch(&self) -> Result<Vec<Arc<Key>>, Failed> {
        let (url, fetched) = match &self.jwks_uri {
            Some(url) => (url.clone(), self.fetcher.get(url, None).await?),
            None => {
                let url = self.discover().await?;
                let fetched = self.fetcher.get(&url, None).await.map_err(Failed::reached)?;
                (url, fetched)
            }
        };
        if !fetched.status.is_success() {
            return Err(Failed::new(format!("{url} answered {}", fetched.status.as_u16())));
        }
        let keys = read_set(&fetched.body).ok_or_else(|| Failed::new(format!("{url} is not a set of keys")))?;
        // A set that has lost all its keys is taken for a mistake of the issuer; the keys that were there go on.
        if keys.is_empty() {
            return Err(Failed::new(format!("{url} has no key of an algorithm that is known here")));
        }
        Ok(keys.into_iter().map(Arc::new).collect())
    }

    async fn discover(&self) -> Result<Uri, Failed> {
        let place = format!("{}/.well-known/openid-configuration", self.issuer.trim_end_matches('/'));
        let place: Uri = place.parse().map_err(|_| Failed::new("the issuer is not a URL"))?;
        let found: Discovery = self.fetcher.json(&place).await?;
        if found.issuer != self.issuer {
            return Err(Failed::new(format!("{place} is of another issuer")));
        }
        let url: Option<Uri> = found.jwks_uri.parse().ok();
        // Keys that anyone on the way can change are nobody's keys.
        url.filter(|url| url.scheme_str() == Some("https") || url.scheme_str() == self.url.scheme_str())
            .ok_or_else(|| Failed::new(format!("{place} names no usable `jwks_uri`")))
    }

    fn may_fetch(&self) -> bool {
        self.limited(|fetches| fetches.are_free())
    }

    fn take_fetch(&self) -> bool {
        self.limited(|fetches| {
            let free = fetches.are_free();
            if free {
                fetches.recent.push(Instant::now());
            }
            free
        })
    }

    fn give_back(&self) {
        self.limited(|fetches| {
            fetches.recent.pop();
            fetches.unreached = Some(Instant::now());
        });
    }

    fn limited<T>(&self, look: impl FnOnce(&mut Fetches) -> T) -> T {
        let mut fetches = self.fetches.lock().unwrap_or_else(PoisonError::into_inner);
        fetches.recent.retain(|fetch| fetch.elapsed() < WINDOW);
        look(&mut fetches)
    }
}

impl Fetches {
    fn are_free(&self) -> bool {
        self.recent.len() < FETCHES && self.unreached.is_none_or(|failed| failed.elapsed() >= RETRY)
    }
}
