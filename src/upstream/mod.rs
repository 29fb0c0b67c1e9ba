//! Calling backends: pooled connections, deadlines, limits, and how each backend is.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::Full;

use crate::auth::Token;
use crate::config;
use crate::credential::{self, Client as Behalf, Credential};
use crate::dialect::Dialect;
use crate::error::{Error, Kind};
use crate::net::Connector;
use crate::telemetry::{BackendMeters, Reason};

mod body;
mod breaker;
mod budget;
mod checks;
mod condition;
mod failure;
mod feed;
mod gate;
mod held;
mod latency;
mod line;
mod pool;
mod slots;
mod source;
mod window;
mod wire;

pub use body::{Limits, whole};
pub use budget::Budget;
pub use condition::Health;
pub use feed::Feed;
pub use held::Held;
pub use line::Coming;
pub use source::News;

use checks::Checks;
use condition::Condition;
use failure::{failed, not_an_answer};
use pool::Pool;
use slots::Slots;

/// A backend that can be called.
#[derive(Clone)]
pub struct Backend {
    /// Its name.
    pub name: String,
    /// What it speaks.
    pub dialect: &'static dyn Dialect,
    /// Its streams are whole and legal, so that like to like passes untouched.
    pub verbatim: bool,
    /// The model name to ask it for, if not the client's.
    pub model: Option<String>,
    /// How long it may take.
    pub timeouts: config::BackendTimeouts,
    /// When it counts as unwell.
    breaker: config::Breaker,
    /// How much it is given at a time, if that is limited.
    slots: Option<(Arc<Slots>, config::Capacity)>,
    condition: Arc<Condition>,
    meters: BackendMeters,
    /// What it is told of the caller.
    identity: config::Identity,
    /// What we present.
    credential: Arc<dyn Credential>,
    /// What the config says of it.
    credential_config: config::Credential,
    url: Uri,
    ca: Option<config::CaBundle>,
    pool: Arc<Pool>,
}

/// The head of a successful answer, and its body.
pub struct Reply {
    /// What kind of body follows.
    pub form: Form,
    /// The body.
    pub body: Coming,
    /// When it was asked for.
    pub asked: Instant,
}

/// What kind of body a backend sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One JSON document.
    Plain,
    /// An event stream.
    Stream,
}

/// A call that is about to be made.
#[derive(Clone)]
pub struct Call {
    /// The request body; JSON.
    pub body: Bytes,
    /// Asks about an answer that has begun instead: how, and where below the backend's URL.
    pub rest: Option<(Method, String)>,
    /// Whether a stream is asked for.
    pub stream: bool,
    /// Headers of the client that go along (trace context, request id).
    pub headers: HeaderMap,
    /// Who it is made for.
    pub client: Behalf,
}

impl Backend {
    /// A backend of a config. Where `previous` presents the same, what has been issued to it is kept; where it has the
    /// same URL, what is known of how it is.
    ///
    /// # Errors
    /// When certificate authorities or secrets cannot be read.
    pub fn new(config: &config::Backend, previous: Option<&Self>, meters: BackendMeters) -> io::Result<Self> {
        let pool = pool(&config.url, config.timeouts.connect, config.ca.as_ref())?;
        let known = previous.filter(|previous| previous.url == config.url);
        let condition = known.map_or_else(Arc::default, |previous| Arc::clone(&previous.condition));
        let slots = config.limits.map(|capacity| (condition.slots(capacity.in_flight), capacity));
        let same = previous.filter(|previous| previous.credential_config == config.credential);
        let credential = match same {
            Some(previous) => Arc::clone(&previous.credential),
            None => credential::of(&config.credential)?,
        };
        condition.check(Checks::start(config, &credential, &meters, Arc::downgrade(&condition))?);
        Ok(Self {
            name: config.name.clone(),
            dialect: config.dialect,
            verbatim: config.verbatim,
            model: config.model.clone(),
            timeouts: config.timeouts,
            breaker: config.breaker,
            slots,
            condition,
            meters,
            identity: config.identity,
            credential,
            credential_config: config.credential.clone(),
            url: config.url.clone(),
            ca: config.ca.clone(),
            pool,
        })
    }

    /// The same backend under other deadlines.
    ///
    /// # Errors
    /// When certificate authorities cannot be read.
    pub fn within(&self, timeouts: config::BackendTimeouts) -> io::Result<Self> {
        let pool = match timeouts.connect == self.timeouts.connect {
            true => Arc::clone(&self.pool),
            // How long a connection may take is the pool's to know, which opens them.
            false => pool(&self.url, timeouts.connect, self.ca.as_ref())?,
        };
        Ok(Self { timeouts, pool, ..self.clone() })
    }

    /// How it is, for operators.
    #[must_use]
    pub fn health(&self) -> Health {
        self.condition.health(&self.breaker)
    }

    /// How long requests are kept away from it, as far as is known; none if they are not.
    #[must_use]
    pub fn pause(&self) -> Option<Duration> {
        self.condition.pause(&self.breaker)
    }

    /// A call to it was made again for this reason.
    pub fn count_retry(&self, reason: Reason) {
        self.meters.retry(reason).inc();
    }

    /// Whether its last words were failures.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        self.condition.is_failing()
    }

    /// Makes a call and waits for the answer's head, until the first-byte deadline. Dropping the future ends the call at
    /// once.
    ///
    /// # Errors
    /// Everything that is not a successful answer of a known kind, under its name.
    pub async fn call(&self, call: &Call) -> Result<Reply, Error> {
        self.call_until(call, Instant::now() + self.timeouts.first_byte).await
    }

    /// The same with a deadline of the caller's.
    ///
    /// # Errors
    /// As above.
    pub async fn call_until(&self, call: &Call, until: Instant) -> Result<Reply, Error> {
        let mut shown = self.credential.present(&call.client).header().await?;
        let asked = Instant::now();
        let mut response = self.send(call, shown.as_ref(), until).await?;
        // Whoever refuses a token has not begun to act, and nothing has gone to the client: once more with a fresh one.
        if response.status() == StatusCode::UNAUTHORIZED
            && let Some(refused) = &shown
            && let Some(fresh) = self.credential.renew(&call.client, refused).await
        {
            response = self.send(call, Some(&fresh), until).await?;
            shown = Some(fresh);
        }
        if !response.status().is_success() {
            let offered = call.rest.is_none() || response.status() != StatusCode::NOT_IMPLEMENTED;
            let error = self.refused(response, &call.client, shown.as_ref()).await;
            // The answer is there; that its server can do no more with it is no failure.
            return Err(if offered { error } else { Error::new(Kind::NotOffered, error.message()).because(error) });
        }
        let Some(form) = form(response.headers()) else { return Err(not_an_answer(response.headers())) };
        Ok(Reply { form, body: response.into_body(), asked })
    }

    async fn send(
        &self,
        call: &Call,
        credential: Option<&HeaderValue>,
        until: Instant,
    ) -> Result<Response<Coming>, Error> {
        let request = self.request(call, credential)?;
        match tokio::time::timeout_at(until.into(), Box::pin(self.pool.send(request))).await {
            Err(_) => Err(self.silent()),
            Ok(Err(error)) => Err(failed(error)),
            Ok(Ok(response)) => Ok(response),
        }
    }

    fn request(&self, call: &Call, shown: Option<&HeaderValue>) -> Result<Request<Full<Bytes>>, Error> {
        let mut request = Request::new(Full::new(call.body.clone()));
        request.headers_mut().clone_from(&call.headers);
        if let Some((method, path)) = &call.rest {
            request.method_mut().clone_from(method);
            *request.uri_mut() = below(&self.url, path)?;
        } else {
            *request.method_mut() = Method::POST;
            *request.uri_mut() = self.url.clone();
            request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        let headers = request.headers_mut();
        let accept = if call.stream { "text/event-stream, application/json" } else { "application/json" };
        headers.insert(ACCEPT, HeaderValue::from_static(accept));
        credential::tell(self.identity, &call.client, headers);
        if let Some(value) = shown {
            headers.insert(AUTHORIZATION, value.clone());
        }
        Ok(request)
    }

    fn silent(&self) -> Error {
        let waited = self.timeouts.first_byte.as_secs_f32();
        Error::new(Kind::FirstByteTimeout, format!("the agent's endpoint sent nothing within {waited} s"))
    }

    async fn refused(&self, response: Response<Coming>, client: &Behalf, shown: Option<&HeaderValue>) -> Error {
        /// As much of an error's body as is read.
        const MOST: usize = 64 * 1024;
        let status = response.status();
        let retry_after = response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
        let limits = Limits { bytes: MOST, idle: self.timeouts.idle, total: self.timeouts.total };
        let body = whole(response.into_body(), limits).await.unwrap_or_default();
        let error = self.dialect.read_error(status, retry_after, &without_shown(body, shown)).told(status);
        if error.kind() == Kind::BackendRefusedCredential && self.credential.is_clients(client) {
            // The caller's own token was refused: that is the caller's to mend, so it sees the status it would have seen.
            let kind = if status == StatusCode::FORBIDDEN { Kind::Forbidden } else { Kind::Unauthenticated };
            return Error::new(kind, "the agent's endpoint did not accept the caller's token").because(error);
        }
        error
    }
}

fn pool(url: &Uri, connect: Duration, ca: Option<&config::CaBundle>) -> io::Result<Arc<Pool>> {
    Ok(Arc::new(Pool::new(Connector::new(url, connect, ca)?, url.clone())))
}

/// The URL with `path` behind its own path, in place of its query.
fn below(url: &Uri, path: &str) -> Result<Uri, Error> {
    let mut parts = url.clone().into_parts();
    let longer = format!("{}{path}", url.path().trim_end_matches('/'));
    parts.path_and_query = longer.parse().ok();
    Uri::from_parts(parts)
        .map_err(|error| Error::new(Kind::Internal, "no URL for the rest of the answer").because(error))
}

/// A body without the token that was shown: a server that repeats it must not get it into our log or to the client.
fn without_shown(body: Bytes, shown: Option<&HeaderValue>) -> Bytes {
    let Some(shown) = shown else { return body };
    let written = shown.as_bytes().splitn(2, |byte| *byte == b' ').nth(1).unwrap_or_default();
    let body = without(body, written);
    // HTTP Basic writes it in base64, and whoever reads it may repeat what it says.
    Token::of_header(shown).map_or(body.clone(), |token| without(body, token.expose().as_bytes()))
}

fn without(body: Bytes, token: &[u8]) -> Bytes {
    if token.is_empty() || memchr::memmem::find(&body, token).is_none() {
        return body;
    }
    let mut clean = Vec::with_capacity(body.len());
    let mut rest = 0;
    for place in memchr::memmem::find_iter(&body, token) {
        clean.extend_from_slice(body.get(rest..place).unwrap_or_default());
        clean.extend_from_slice(b"***");
        rest = place + token.len();
    }
    clean.extend_from_slice(body.get(rest..).unwrap_or_default());
    clean.into()
}

/// The kind of body by its content type. No type at all counts as JSON; the reader will say if it is not.
fn form(headers: &HeaderMap) -> Option<Form> {
    let Some(value) = headers.get(CONTENT_TYPE) else { return Some(Form::Plain) };
    match value.as_bytes() {
        b"application/json" => return Some(Form::Plain),
        b"text/event-stream" | b"text/event-stream; charset=utf-8" => return Some(Form::Stream),
        _ => {}
    }
    let value = value.to_str().ok()?.trim().to_ascii_lowercase();
    match value.split(';').next().map(str::trim) {
        Some("text/event-stream") => Some(Form::Stream),
        Some("application/json") => Some(Form::Plain),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_of_an_answer_lies_below_the_url() {
        for url in ["http://h:1/api/invocations", "http://h:1/api/invocations/", "http://h:1/api/invocations?x=y"] {
            let url = below(&url.parse().unwrap(), "/7/events?after=3").unwrap();
            assert_eq!(url, "http://h:1/api/invocations/7/events?after=3");
        }
    }
}
