//! A stream held back until its first real event, so that a backend that fails before it can still be replaced.

use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::Relay;
use crate::error::Error;
use crate::ir::{Answer, Piece};

/// Most bytes for the client that are held.
const MOST: usize = 64 * 1024;

impl Relay {
    /// Takes the stream in until something has been said in it, it is over, or patience or room are.
    ///
    /// # Errors
    /// Why the answer failed, if it has already; then nothing of it has gone to the client.
    pub(in crate::gateway) async fn hold(mut self: Box<Self>, patience: Duration) -> Result<Box<Self>, Error> {
        let beginning = std::future::poll_fn(|cx| self.poll_beginning(cx));
        // Out of patience: the client may have what there is, and hears of a failure in the stream.
        let _ = tokio::time::timeout(patience, beginning).await;
        if self.transcoder.answer().failure.is_some() {
            let answer = self.transcoder.into_answer();
            return Err(answer.failure.unwrap_or_else(super::no_end));
        }
        Ok(self)
    }

    fn poll_beginning(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let over = self.transcoder.ended() || self.transcoder.out().len() >= MOST;
            if over || has_spoken(self.transcoder.answer()) {
                return Poll::Ready(());
            }
            ready!(if self.verbatim.is_some() { self.pass(cx) } else { self.translate(cx) });
        }
    }
}

/// Whether anything has been said or done that a client would show.
fn has_spoken(answer: &Answer) -> bool {
    answer.items.iter().any(|item| match &item.piece {
        Piece::Message { text, refusal, .. } => !text.is_empty() || !refusal.is_empty(),
        Piece::Reasoning { text, encrypted } => !text.is_empty() || encrypted.is_some(),
        Piece::Call { .. } | Piece::CallOutput { .. } | Piece::Opaque { .. } => true,
    })
}
