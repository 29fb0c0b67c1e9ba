//! A whole body under a limit of bytes and two deadlines.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::Body as _;
use http_body_util::BodyExt;

use super::Coming;
use crate::error::{Error, Kind};

/// What a body may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes in all.
    pub bytes: usize,
    /// Longest silence.
    pub idle: Duration,
    /// Time in all.
    pub total: Duration,
}

/// Reads a backend's body to its end.
///
/// # Errors
/// `Cut`, `IdleTimeout`, `TotalTimeout`, or `BackendGarbage` for a body over the limit.
pub async fn whole(body: Coming, limits: Limits) -> Result<Bytes, Error> {
    match tokio::time::timeout(limits.total, read(body, limits)).await {
        Ok(read) => read,
        Err(_) => {
            let message = format!("the agent's answer was not complete within {} s", limits.total.as_secs_f32());
            Err(Error::new(Kind::TotalTimeout, message))
        }
    }
}

async fn read(mut body: Coming, limits: Limits) -> Result<Bytes, Error> {
    let expected = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    let mut first: Option<Bytes> = None;
    let mut all = BytesMut::new();
    loop {
        let frame = match tokio::time::timeout(limits.idle, body.frame()).await {
            Err(_) => {
                let message = format!("the agent's endpoint fell silent for {} s", limits.idle.as_secs_f32());
                return Err(Error::new(Kind::IdleTimeout, message));
            }
            Ok(None) => break,
            Ok(Some(Err(error))) => {
                return Err(Error::new(Kind::Cut, "the agent's answer was cut short").because(error));
            }
            Ok(Some(Ok(frame))) => frame,
        };
        let Ok(data) = frame.into_data() else { continue };
        if all.len() + first.as_ref().map_or(0, Bytes::len) + data.len() > limits.bytes {
            return Err(Error::new(Kind::BackendGarbage, "the agent's answer is larger than this gateway holds"));
        }
        // Most answers come in one piece, which is handed on without a copy.
        match first.take() {
            None if all.is_empty() => first = Some(data),
            None => all.extend_from_slice(&data),
            Some(piece) => {
                all.reserve(expected.clamp(piece.len() + data.len(), limits.bytes));
                all.extend_from_slice(&piece);
                all.extend_from_slice(&data);
            }
        }
    }
    Ok(first.unwrap_or_else(|| all.freeze()))
}
