//! Honest names for every way in which a call gets no answer.

use http::header::{CONTENT_TYPE, HeaderMap};

use super::pool::Failure;
use crate::error::{Error, Kind};
use crate::net::TimedOut;

/// A call that got no answer.
pub(super) fn failed(failure: Failure) -> Error {
    match failure {
        Failure::Connect(cause) if TimedOut::caused(&*cause) => {
            Error::new(Kind::ConnectTimeout, "no connection to the agent's endpoint in time").because(cause)
        }
        Failure::Connect(cause) => {
            Error::new(Kind::ConnectFailed, "no connection to the agent's endpoint").because(cause)
        }
        Failure::Call(error) if never_begun(&error) => {
            Error::new(Kind::NotBegun, "the agent's endpoint turned the request away before it began").because(error)
        }
        Failure::Call(error) => {
            let message = "the agent's endpoint closed the connection without an answer";
            Error::new(Kind::Cut, message).because(error)
        }
    }
}

/// Whether nobody can have acted on the request: it was never written, or the other side says that it will not process
/// it. (RFC 9113, 8.7: `REFUSED_STREAM`, or a stream above the last one that a `GOAWAY` names. h2 gives a remote `GOAWAY`
/// as the error of exactly these streams; those below it end with an error of IO.)
fn never_begun(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(cause) = next {
        if cause.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_canceled) {
            return true;
        }
        if let Some(error) = cause.downcast_ref::<h2::Error>() {
            let refused = error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM);
            return error.is_remote() && (refused || error.is_go_away());
        }
        next = cause.source();
    }
    false
}

/// A success that is no answer.
pub(super) fn not_an_answer(headers: &HeaderMap) -> Error {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("no content type");
    if kind.starts_with("text/html") {
        let message = "the agent's endpoint answered with a web page, most likely a login page";
        return Error::new(Kind::BackendRefusedCredential, message);
    }
    Error::new(Kind::BackendGarbage, "the agent's endpoint answered with something that is neither JSON nor events")
        .because(format!("content-type {kind}"))
}
