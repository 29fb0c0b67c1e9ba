//! Step 5: the request in the backend's dialect, and the plan for its answer.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use serde_json::value::RawValue;

use super::receive::Entrance;
use crate::auth::Caller;
use crate::config::AnswerShape;
use crate::credential::Client;
use crate::dialect::{
    self, Ask, ChatAgent, ChatCompletions, Dialect, Reader, Responses, Shape, SplitChatMessages, Surface, Target, Trace,
};
use crate::error::{Error, Kind};
use crate::ir::{Body, Calls, Dropped, Field, Request, Str};
use crate::route::{Route, backends_id};
use crate::upstream::{Backend, Call};

/// Headers of the client that go along to the backend.
const PASSED: [HeaderName; 3] = [
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("tracestate"),
    HeaderName::from_static("x-request-id"),
];

/// How clients of an AgentServer ask for the id of the trace.
const RETURN_TRACE: HeaderName = HeaderName::from_static("x-mlflow-return-trace-id");

/// How a client asks to see more than its kind of client usually does: `server_tools` are the calls that the agent ran
/// itself.
const SHOW: HeaderName = HeaderName::from_static("x-cutover-show");

/// A request that is ready to be sent; in a box, for it goes through many hands.
pub(super) struct Outbound {
    /// Who it goes to.
    pub(super) backend: Arc<Backend>,
    /// What is sent.
    pub(super) call: Call,
    /// What becomes of the answer.
    pub(super) plan: Plan,
    /// What was left out.
    pub(super) dropped: Dropped,
    /// How many of its fields nobody here knows.
    pub(super) unknown: usize,
}

/// What becomes of the answer.
pub(super) struct Plan {
    /// Who it comes from.
    pub(super) backend: Arc<Backend>,
    /// Reads its stream.
    pub(super) reader: Box<dyn Reader>,
    /// Asks it for the rest of a stream that has stopped, where its dialect has a way.
    pub(super) follow: Option<Call>,
    /// The dialect that the answer is written in.
    pub(super) client: &'static dyn Dialect,
    /// What the client asked for.
    pub(super) ask: Ask,
    /// Whether it asked for a stream.
    pub(super) stream: bool,
    /// What is done with tool calls.
    pub(super) calls: Calls,
    /// The answer passes untouched.
    pub(super) verbatim: bool,
    /// Whether the client may come back for the answer, or has.
    pub(super) kept: Kept,
}

/// Whether a client comes back for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// It asked for nothing of the kind.
    No,
    /// It may: the answer is named after the backend's own id of it.
    Begun,
    /// It has.
    Found,
}

/// A request as it has come so far.
pub(super) struct Arrived<'a> {
    /// The door it came through.
    pub(super) entrance: &'a Entrance,
    /// Its body.
    pub(super) bytes: &'a Bytes,
    /// Its body's top-level fields.
    pub(super) body: &'a Body<'a>,
    /// The fields that decide where it goes: the same, or those inside its wrapping.
    pub(super) fields: &'a Body<'a>,
    /// Its headers.
    pub(super) headers: &'a HeaderMap,
    /// Who sent it.
    pub(super) caller: &'a Arc<Caller>,
    /// Its id.
    pub(super) id: &'a HeaderValue,
}

/// Translates a request for the backend it was routed to.
pub(super) fn request(arrived: &Arrived<'_>, route: &Route, backend: Arc<Backend>) -> Result<Box<Outbound>, Error> {
    let Arrived { entrance, bytes, body, fields, headers, caller, id } = *arrived;
    let voices = Voices::of(entrance, body, route)?;
    let alike = voices.reads.name() == backend.dialect.name();
    // Clients of invocations know no `event:` lines and read errors of another shape.
    let openai = voices.shape == Shape::OpenAi && voices.surface == Surface::OpenAi;
    let verbatim = backend.verbatim && alike && openai;
    let mut request = if verbatim { voices.reads.read_around(body) } else { voices.reads.read_request(body) }?;
    let trace = asks_for_trace(&mut request, headers);
    let previous = previous(&request);
    if let Some(theirs) = &previous {
        let params = request.params.iter_mut();
        params.filter(|param| param.field == Field::PreviousResponse).for_each(|param| param.value = theirs);
    }
    let kept = if previous.is_some() || keeps(&request) { Kept::Begun } else { Kept::No };
    let conversation = route.conversation(fields, headers);
    let target = Target {
        model: backend.model.as_deref(),
        stream: request.stream || backend.dialect.always_streams(),
        alike,
        drops_content: route.drops_content,
        conversation: conversation.as_deref(),
        number: number(id),
    };
    let (sent, dropped) = if verbatim {
        (with_model(bytes, body, backend.model.as_deref()), Dropped::default())
    } else {
        let (written, dropped) = dialect::write(&request, backend.dialect, &target)?;
        (Bytes::from(written), dropped)
    };
    let call = Call {
        body: sent,
        rest: None,
        stream: target.stream,
        headers: passed(headers, trace.is_some()),
        client: Client::new(Arc::clone(caller), headers.get(AUTHORIZATION)),
    };
    let reader = backend.dialect.reader_for(&request, &target);
    // What is made in the background goes on without us, and can be taken up again.
    let later = is_true(&request, Field::Background);
    let follow = (later || reader.resume().is_some()).then(|| Call { body: Bytes::new(), ..call.clone() });
    let ask = Ask { trace, ..voices.ask(arrived, route, &request) };
    // Who comes back for an answer does not say which tools it declared, and is to find the same frames in the same order.
    let declared = if later { Vec::new() } else { request.declared().map(str::to_owned).collect() };
    let calls = Calls { hold: !ask.show_agents_calls, declared };
    let plan = Plan {
        backend: Arc::clone(&backend),
        reader,
        follow,
        client: voices.writes,
        ask,
        stream: request.stream,
        calls,
        verbatim,
        kept,
    };
    Ok(Box::new(Outbound { backend, call, plan, dropped, unknown: request.rest.len() }))
}

/// The dialect that a request is in.
///
/// # Errors
/// When it is in none.
pub(super) fn reads(arrived: &Arrived<'_>, route: &Route) -> Result<&'static dyn Dialect, Error> {
    Ok(Voices::of(arrived.entrance, arrived.body, route)?.reads)
}

/// The dialects a client speaks: in its request, and in what it wants to read.
struct Voices {
    reads: &'static dyn Dialect,
    writes: &'static dyn Dialect,
    shape: Shape,
    surface: Surface,
}

impl Voices {
    /// By the path, the body's shape, and the route's legacy chat dialect.
    fn of(entrance: &Entrance, body: &Body<'_>, route: &Route) -> Result<Self, Error> {
        let one = |dialect: &'static dyn Dialect, surface| Self {
            reads: dialect,
            writes: dialect,
            shape: Shape::OpenAi,
            surface,
        };
        if *entrance == Entrance::Responses {
            return Ok(one(&Responses, Surface::OpenAi));
        }
        if *entrance == Entrance::ChatCompletions {
            let chat = one(&ChatCompletions, Surface::OpenAi);
            return Ok(match (route.answer, route.legacy, route.legacy_shape()) {
                (AnswerShape::Legacy, Some(legacy), _) => Self { writes: legacy, shape: Shape::Legacy, ..chat },
                (AnswerShape::Both, _, Some(shape)) => Self { shape: Shape::Both(shape), ..chat },
                _ => chat,
            });
        }
        let has = |name: &str| body.get(name).is_some();
        if has("input") {
            Ok(one(&Responses, Surface::Invocations))
        } else if has("messages") {
            Ok(one(route.legacy.unwrap_or(&ChatCompletions), Surface::Invocations))
        } else if ["query", "dataframe_records", "dataframe_split", "inputs"].into_iter().any(has) {
            Ok(one(&SplitChatMessages, Surface::Invocations))
        } else {
            let message = "the body needs one of `input`, `messages`, `query`, `dataframe_records`, `dataframe_split` or `inputs`";
            Err(Error::new(Kind::InvalidField, message))
        }
    }

    /// Clients whose own shape tells the agent's calls apart from theirs see them: ChatAgent's by the tool messages beside
    /// them, a ResponsesAgent's client by their outputs. To all others a call is a call to run.
    fn shows_agents_calls(&self) -> bool {
        let writes = self.writes.name();
        writes == ChatAgent.name() || (writes == Responses.name() && self.surface == Surface::Invocations)
    }

    fn ask(&self, arrived: &Arrived<'_>, route: &Route, request: &Request<'_>) -> Ask {
        let Arrived { entrance, body, headers, .. } = *arrived;
        let shown = asks_for_agents_calls(headers);
        let model = match (&request.model, entrance) {
            (Some(model), _) => model.to_string(),
            (None, Entrance::Invocations(Some(name))) => name.clone(),
            (None, _) => route.name.clone(),
        };
        let responses = self.writes.name() == Responses.name();
        Ask {
            surface: self.surface,
            model,
            include_usage: request.include_usage,
            shape: self.shape,
            wrapped: self.writes.name() == SplitChatMessages.name() && body.get("query").is_none(),
            show_agents_calls: route.show_server_tools || shown || self.shows_agents_calls(),
            trace: None,
            starting_after: None,
            echo: if responses { Responses::echo(request) } else { String::new() },
        }
    }
}

/// The number in a request id that is a UUID, so that a request sent again is known as the same; random for any other.
fn number(request_id: &HeaderValue) -> u128 {
    let digits = request_id.as_bytes().iter().filter(|byte| **byte != b'-').map(|byte| char::from(*byte).to_digit(16));
    let given = digits.clone().try_fold(0_u128, |number, digit| Some((number << 4) | u128::from(digit?)));
    given.filter(|_| digits.count() == 32).unwrap_or_else(|| {
        // Some backends keep a conversation under it, so nobody may guess it.
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_or_else(|_| fastrand::u128(..), |()| u128::from_ne_bytes(bytes))
    })
}

/// The backend's own id of the answer that the request continues, if we know it.
fn previous(request: &Request<'_>) -> Option<Box<RawValue>> {
    let given = request.param(Field::PreviousResponse)?.value;
    let ours: Str<'_> = serde_json::from_str(given.get()).ok()?;
    backends_id(&ours).map(|theirs| crate::ir::json(&theirs))
}

/// Whether the client asks for an answer that is kept: made in the background, or stored.
fn keeps(request: &Request<'_>) -> bool {
    is_true(request, Field::Background) || is_true(request, Field::Store)
}

fn is_true(request: &Request<'_>, field: Field) -> bool {
    request.param(field).is_some_and(|param| param.value.get() == "true")
}

/// Whether the client asks to see the calls that the agent ran itself.
pub(super) fn asks_for_agents_calls(headers: &HeaderMap) -> bool {
    headers.get_all(SHOW).iter().any(|value| value == "server_tools")
}

/// How the client asked for the trace's id; whichever way it was, the backend is asked in both.
fn asks_for_trace(request: &mut Request<'_>, headers: &HeaderMap) -> Option<Trace> {
    let by_header = headers.get(RETURN_TRACE).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"));
    let by_body = request.return_trace;
    request.return_trace |= by_header;
    match (by_header, by_body) {
        (true, _) => Some(Trace::Header),
        (false, true) => Some(Trace::Body),
        (false, false) => None,
    }
}

pub(super) fn passed(headers: &HeaderMap, trace: bool) -> HeaderMap {
    let mut passed = HeaderMap::new();
    for name in PASSED {
        if let Some(value) = headers.get(&name) {
            passed.insert(name, value.clone());
        }
    }
    if trace {
        passed.insert(RETURN_TRACE, HeaderValue::from_static("true"));
    }
    passed
}

/// The body as it came, but for the value of `model` where the backend knows the agent by another name; a body that names
/// none, as on the invocations path, gets it in front.
fn with_model(bytes: &Bytes, body: &Body<'_>, model: Option<&str>) -> Bytes {
    let Some(name) = model.map(crate::ir::json) else { return bytes.clone() };
    let (begin, end, name) = match body.get("model") {
        Some(value) => {
            let begin = value.get().as_ptr() as usize - bytes.as_ptr() as usize;
            (begin, begin + value.get().len(), name.get().to_owned())
        }
        None => {
            let first = bytes.iter().position(|byte| *byte == b'{').map_or(0, |brace| brace + 1);
            let comma = if body.iter().next().is_some() { "," } else { "" };
            (first, first, format!("\"model\":{}{comma}", name.get()))
        }
    };
    let (Some(before), Some(after)) = (bytes.get(..begin), bytes.get(end..)) else { return bytes.clone() };
    [before, name.as_bytes(), after].concat().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_is_a_number_and_anything_else_gets_one() {
        let of = |id: &'static str| number(&HeaderValue::from_static(id));
        assert_eq!(of("00000000-0000-0000-0000-00000000ABCD"), 0xabcd);
        for id in ["req_1", "", "1234", "00000000-0000-0000-0000-0000000000001", "+0000000-0000-0000-0000-00000000000"]
        {
            assert_ne!(of(id), of(id), "{id}");
        }
    }

    #[test]
    fn only_the_models_value_changes() {
        let bytes = Bytes::from_static(b"{ \"x\": \"model\", \"model\" : \"a\\u0062\", \"input\": [1 , 2] }");
        let body = Body::parse(&bytes).unwrap();
        let sent = with_model(&bytes, &body, Some("q\"z"));
        assert_eq!(&sent[..], br#"{ "x": "model", "model" : "q\"z", "input": [1 , 2] }"#);
        assert_eq!(with_model(&bytes, &body, None), bytes);
    }

    #[test]
    fn a_body_that_names_no_model_gets_the_backends() {
        for (given, wanted) in [
            (" { \"input\": \"{\" }", " {\"model\":\"m\", \"input\": \"{\" }"),
            ("{\"input\":{}}", "{\"model\":\"m\",\"input\":{}}"),
            ("{}", "{\"model\":\"m\"}"),
        ] {
            let bytes = Bytes::from(given);
            let body = Body::parse(&bytes).unwrap();
            assert_eq!(with_model(&bytes, &body, Some("m")), wanted, "{given}");
            assert_eq!(with_model(&bytes, &body, None), bytes);
        }
    }
}
