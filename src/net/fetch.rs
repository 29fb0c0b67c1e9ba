//! A small client for small documents: key sets, discovery, tokens. Bounded in bytes and time; follows no redirects.

use std::fmt;
use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, USER_AGENT};
use http::{Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::connect::Connector;
use crate::config::CaBundle;

/// For a connection, and for the whole answer.
const CONNECT: Duration = Duration::from_secs(2);
const WHOLE: Duration = Duration::from_secs(5);

/// Idle connections are let go before the servers behind them usually do it.
const POOL_IDLE: Duration = Duration::from_secs(30);

/// Largest document.
const LARGEST: usize = 512 << 10;

/// Asks for documents.
pub struct Fetcher {
    client: Client<Connector, Full<Bytes>>,
}

/// A document, or what stood in its place.
pub struct Fetched {
    /// The status of the answer.
    pub status: StatusCode,
    /// The headers of the answer.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Fetcher {
    /// Asks servers such as the one of this URL.
    ///
    /// # Errors
    /// When it is behind TLS and the certificate authorities cannot be had.
    pub fn new(url: &Uri, ca: Option<&CaBundle>) -> io::Result<Self> {
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new())
            .pool_idle_timeout(POOL_IDLE)
            .pool_max_idle_per_host(4)
            .build(Connector::new(url, CONNECT, ca)?);
        Ok(Self { client })
    }

    /// Gets a document.
    ///
    /// # Errors
    /// When no whole answer came in time; a status that says no is no error here.
    pub async fn get(&self, url: &Uri, authorization: Option<HeaderValue>) -> Result<Fetched, Failed> {
        self.ask(Method::GET, url, authorization, Full::default(), None).await
    }

    /// Posts a form.
    ///
    /// # Errors
    /// When no whole answer came in time; a status that says no is no error here.
    pub async fn post(&self, url: &Uri, authorization: Option<HeaderValue>, form: Form) -> Result<Fetched, Failed> {
        let body = Full::new(Bytes::from_owner(form));
        self.ask(Method::POST, url, authorization, body, Some("application/x-www-form-urlencoded")).await
    }

    /// Gets a JSON document.
    ///
    /// # Errors
    /// When it is not there or not what is wanted.
    pub async fn json<T: DeserializeOwned>(&self, url: &Uri) -> Result<T, Failed> {
        let fetched = self.get(url, None).await?;
        if fetched.status != StatusCode::OK {
            return Err(Failed::new(format!("{} answered {}", place(url), fetched.status.as_u16())));
        }
        fetched.json().map_err(|failed| Failed::new(format!("{}: {failed}", place(url))))
    }

    async fn ask(
        &self,
        method: Method,
        url: &Uri,
        authorization: Option<HeaderValue>,
        body: Full<Bytes>,
        kind: Option<&'static str>,
    ) -> Result<Fetched, Failed> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("cutover/", env!("CARGO_PKG_VERSION"))));
        if let Some(mut value) = authorization {
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        if let Some(kind) = kind {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        }
        self.send(method, url, headers, body).await
    }

    /// Sends a request as it is and reads its answer.
    ///
    /// # Errors
    /// When no whole answer came in time; a status that says no is no error here.
    pub async fn send(
        &self,
        method: Method,
        url: &Uri,
        headers: HeaderMap,
        body: Full<Bytes>,
    ) -> Result<Fetched, Failed> {
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = url.clone();
        *request.headers_mut() = headers;
        let failed = |why: &dyn fmt::Display| Failed::new(format!("{}: {why}", place(url)));
        let asking = async {
            let answer = self
                .client
                .request(request)
                .await
                .map_err(|error| Failed { unreached: error.is_connect(), ..failed(&chain(&error)) })?;
            let (head, mut incoming) = answer.into_parts();
            let mut body = BytesMut::new();
            while let Some(frame) = incoming.frame().await {
                let Ok(data) = frame.map_err(|error| failed(&error))?.into_data() else { continue };
                if body.len() + data.len() > LARGEST {
                    return Err(failed(&"the answer is too large"));
                }
                body.extend_from_slice(&data);
            }
            Ok(Fetched { status: head.status, headers: head.headers, body: body.freeze() })
        };
        match tokio::time::timeout(WHOLE, asking).await {
            Ok(answer) => answer,
            Err(_) => Err(failed(&format_args!("no answer within {} s", WHOLE.as_secs()))),
        }
    }
}

impl Fetched {
    /// The body as JSON.
    ///
    /// # Errors
    /// When it is not what is wanted; the text holds nothing of the body.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Failed> {
        serde_json::from_slice(&self.body).map_err(|error| {
            Failed::new(format!("not the JSON that was wanted (line {}, column {})", error.line(), error.column()))
        })
    }
}

/// No document; says why, for the log. Holds no token and nothing of a body.
#[derive(Clone, Debug)]
pub struct Failed {
    why: String,
    unreached: bool,
}

impl Failed {
    /// A failure of somebody who was asked.
    #[must_use]
    pub fn new(why: impl Into<String>) -> Self {
        Self { why: why.into(), unreached: false }
    }

    /// Whether there was nobody to ask: no connection came to be.
    #[must_use]
    pub fn is_unreached(&self) -> bool {
        self.unreached
    }

    /// The same, of somebody who was reached before.
    #[must_use]
    pub fn reached(self) -> Self {
        Self { unreached: false, ..self }
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl std::error::Error for Failed {}

/// A URL without its query, for a message.
fn place(url: &Uri) -> String {
    format!("{}://{}{}", url.scheme_str().unwrap_or("http"), url.authority().map_or("", |it| it.as_str()), url.path())
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        line = format!("{line}: {cause}");
        next = cause.source();
    }
    line
}

/// An `application/x-www-form-urlencoded` body; wiped when it has been sent, for it holds secrets.
#[derive(Default)]
pub struct Form(Zeroizing<Vec<u8>>);

impl Form {
    /// Adds a field.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        if !self.0.is_empty() {
            self.0.push(b'&');
        }
        self.encode(name);
        self.0.push(b'=');
        self.encode(value);
        self
    }

    /// A text as a form writes it.
    #[must_use]
    pub fn encoded(text: &str) -> Zeroizing<String> {
        let mut form = Self::default();
        form.encode(text);
        Zeroizing::new(String::from_utf8_lossy(&form.0).into_owned())
    }

    fn encode(&mut self, text: &str) {
        const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
        self.0.reserve(text.len() * 3 + 1);
        for byte in text.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'*' | b'-' | b'.' | b'_' => self.0.push(byte),
                b' ' => self.0.push(b'+'),
                _ => {
                    let digit = |half: u8| DIGITS.get(usize::from(half)).copied().unwrap_or_default();
                    self.0.extend([b'%', digit(byte >> 4), digit(byte & 15)]);
                }
            }
        }
    }
}

impl AsRef<[u8]> for Form {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_written_as_the_standard_says() {
        let form = Form::default().with("grant_type", "urn:x y").with("secret", "a&b=c+ü~-._*");
        assert_eq!(form.as_ref(), b"grant_type=urn%3Ax+y&secret=a%26b%3Dc%2B%C3%BC%7E-._*");
        assert_eq!(Form::encoded("a b/").as_str(), "a+b%2F");
    }
}
