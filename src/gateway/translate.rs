//! Step 5: the request in the backend's dialect, and the plan for its answer.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{AUTHORIZATION, HeaderMap, HeaderName};

use super::receive::Entrance;
use crate::config::AnswerShape;
use crate::dialect::{
    self, Ask, ChatAgent, ChatCompletions, Dialect, Responses, Shape, SplitChatMessages, Surface, Target,
};
use crate::error::{Error, Kind};
use crate::ir::{Body, Calls, Dropped, Request};
use crate::route::Route;
use crate::upstream::{Backend, Call};

/// Headers of the client that go along to the backend.
const PASSED: &[&str] = &["traceparent", "tracestate", "x-request-id", "x-mlflow-return-trace-id"];

/// A request that is ready to be sent.
pub(super) struct Outbound {
    /// Who it goes to.
    pub(super) backend: Arc<Backend>,
    /// What is sent.
    pub(super) call: Call,
    /// What becomes of the answer.
    pub(super) plan: Plan,
    /// What was left out.
    pub(super) dropped: Dropped,
}

/// What becomes of the answer.
pub(super) struct Plan {
    /// Who it comes from.
    pub(super) backend: Arc<Backend>,
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
}

/// Translates a request for the backend it was routed to.
pub(super) fn request(
    entrance: &Entrance,
    bytes: &Bytes,
    body: &Body<'_>,
    route: &Route,
    backend: Arc<Backend>,
    headers: &HeaderMap,
) -> Result<Outbound, Error> {
    let voices = Voices::of(entrance, body, route)?;
    let alike = voices.reads.name() == backend.dialect.name();
    // Clients of invocations know no `event:` lines and read errors of another shape.
    let openai = voices.shape == Shape::OpenAi && voices.surface == Surface::OpenAi;
    let verbatim = backend.verbatim && alike && openai;
    let request = voices.reads.read_request(body)?;
    let mut dropped = Dropped::default();
    let sent = if verbatim {
        with_model(bytes, body, backend.model.as_deref())
    } else {
        dropped = dialect::admit(&request, backend.dialect)?;
        for (name, _) in request.rest.iter().filter(|_| !alike) {
            dropped.note(name);
        }
        let target = Target { model: backend.model.as_deref(), stream: request.stream, alike };
        backend.dialect.write_request(&request, &target, &mut dropped)?.into()
    };
    let call = Call {
        body: sent,
        stream: request.stream,
        headers: passed(headers),
        authorization: headers.get(AUTHORIZATION).cloned(),
    };
    let ask = voices.ask(entrance, body, route, &request);
    let calls = Calls { hold: !ask.show_agents_calls, declared: request.declared().map(str::to_owned).collect() };
    let plan =
        Plan { backend: Arc::clone(&backend), client: voices.writes, ask, stream: request.stream, calls, verbatim };
    Ok(Outbound { backend, call, plan, dropped })
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

    fn ask(&self, entrance: &Entrance, body: &Body<'_>, route: &Route, request: &Request<'_>) -> Ask {
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
            show_agents_calls: route.show_server_tools || self.shows_agents_calls(),
            echo: if responses { Responses::echo(request) } else { String::new() },
        }
    }
}

fn passed(headers: &HeaderMap) -> HeaderMap {
    let known = PASSED.iter().map(|name| HeaderName::from_static(name));
    known.filter_map(|name| headers.get(&name).cloned().map(|value| (name, value))).collect()
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
