//! What both demo agents have in common: the question, the tool they run, the answer, and speaking it word by word.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Body, Frame, Incoming};
use tokio::time::{Interval, interval};

use crate::dialect::Dialect;
use crate::ir::{self, Item, Role};

/// Time between two words.
const PACE: Duration = Duration::from_millis(25);

/// Most of a question that is read.
const LONGEST: usize = 1 << 20;

/// What an agent was asked.
pub(super) struct Question {
    /// The person's last words.
    pub(super) text: String,
    /// Whether an event stream is wanted.
    pub(super) stream: bool,
}

/// What an agent does about it: it looks the order up itself, then answers.
pub(super) struct Turn {
    /// JSON of the tool's arguments.
    pub(super) arguments: String,
    /// What the tool says.
    pub(super) found: String,
    /// What the agent says.
    pub(super) answer: String,
}

/// The tool that the agents run.
pub(super) const TOOL: &str = "look_up_order";

impl Question {
    /// Reads a question in the agent's dialect; the text of what is wrong with it otherwise.
    pub(super) async fn read(dialect: &dyn Dialect, request: Request<Incoming>) -> Result<Self, String> {
        let body = Limited::new(request.into_body(), LONGEST);
        #[expect(clippy::disallowed_methods, reason = "the body is limited on the line above")]
        let bytes = body.collect().await.map_err(|error| error.to_string())?.to_bytes();
        let body = ir::Body::parse(&bytes).map_err(|error| error.to_string())?;
        let asked = dialect.read_request(&body).map_err(|error| error.to_string())?;
        let last = asked.items.iter().rev().find_map(|item| match item {
            Item::Message(message) if message.role == Role::User => Some(message.joined(" ").into_string()),
            _ => None,
        });
        Ok(Self { text: last.unwrap_or_default(), stream: asked.stream })
    }

    /// What the legacy agent does about it.
    pub(super) fn turn(&self) -> Turn {
        let order = self.order();
        Turn {
            arguments: format!(r#"{{"order":"{order}"}}"#),
            found: r#"{"status":"shipped","arrives":"Friday"}"#.to_owned(),
            answer: format!("Order {order} has shipped and arrives on Friday."),
        }
    }

    /// What the new one does: the same for most orders. The report is there to find the others.
    pub(super) fn turn_of_the_new(&self) -> Turn {
        let (order, mut turn) = (self.order(), self.turn());
        let is_multiple_of = |of: u64| order.parse().is_ok_and(|order: u64| order.is_multiple_of(of));
        if is_multiple_of(3) {
            turn.answer = format!("Order {order} has shipped and arrives in 9 days.");
        }
        if is_multiple_of(4) {
            turn.arguments = format!(r#"{{"order":"{order}","archive":true}}"#);
        }
        turn
    }

    fn order(&self) -> &str {
        let digits = self.text.split(|letter: char| !letter.is_ascii_digit()).find(|word| !word.is_empty());
        digits.unwrap_or("1001")
    }
}

impl Turn {
    /// The answer in pieces, as it is spoken.
    pub(super) fn words(&self) -> impl Iterator<Item = &str> {
        self.answer.split_inclusive(' ')
    }
}

/// A body that is spoken frame by frame.
pub(super) struct Spoken {
    frames: VecDeque<Bytes>,
    pace: Interval,
}

impl Spoken {
    /// One JSON document.
    pub(super) fn plain(status: StatusCode, json: String) -> Response<Self> {
        Self::answer(status, "application/json", [json])
    }

    /// An event stream: each text is one frame's data; `[DONE]` is added.
    pub(super) fn stream(datas: impl IntoIterator<Item = String>) -> Response<Self> {
        let done = std::iter::once("[DONE]".to_owned());
        let frames = datas.into_iter().chain(done).map(|data| format!("data: {data}\n\n"));
        Self::answer(StatusCode::OK, "text/event-stream; charset=utf-8", frames)
    }

    fn answer(status: StatusCode, kind: &'static str, texts: impl IntoIterator<Item = String>) -> Response<Self> {
        let frames = texts.into_iter().map(Bytes::from).collect();
        let mut response = Response::new(Self { frames, pace: interval(PACE) });
        *response.status_mut() = status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        response
    }
}

impl Body for Spoken {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.frames.is_empty() {
            return Poll::Ready(None);
        }
        ready!(self.pace.poll_tick(cx));
        Poll::Ready(self.frames.pop_front().map(|frame| Ok(Frame::data(frame))))
    }
}
