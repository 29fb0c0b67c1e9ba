//! A copy on its way: the request in another backend's words, with names and keys of its own.

use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use xxhash_rust::xxh3::xxh3_128;

use super::funnel::{Fate, Why};
use super::isolate::Isolation;
use crate::credential::Client;
use crate::dialect::{self, BACKENDS, Dialect, Reader, Target};
use crate::error::Error;
use crate::ir::{Body, Calls, Request};
use crate::upstream::{Backend, Call};

const SHADOW: HeaderName = HeaderName::from_static("x-cutover-shadow");

const IDEMPOTENCY: HeaderName = HeaderName::from_static("idempotency-key");

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A live request, as far as a copy of it needs it.
pub(super) struct Original {
    /// Its body.
    pub(super) body: Bytes,
    /// The dialect that it is in.
    pub(super) reads: &'static dyn Dialect,
    /// The key of its conversation.
    pub(super) key: Option<String>,
    /// Its id.
    pub(super) id: HeaderValue,
    /// Who sent it.
    pub(super) client: Client,
}

/// A copy that is ready to be sent.
pub(super) struct Copy {
    pub(super) call: Call,
    pub(super) reader: Box<dyn Reader>,
    /// Asks for the rest of a stream that has stopped.
    pub(super) follow: Option<Call>,
    pub(super) calls: Calls,
}

impl Original {
    /// The copy for a backend, with `token` for whoever may carry the caller's.
    pub(super) fn copy(&self, to: &Backend, isolation: Isolation<'_>, token: bool) -> Result<Copy, Fate> {
        self.write(to.dialect, to.model.as_deref(), isolation, token)
            .unwrap_or(Err(Fate::NotEligible(Why::Untranslatable)))
    }

    /// What is known of the tools in it.
    pub(super) fn calls(&self) -> Calls {
        let body = Body::parse(&self.body);
        let request = body.as_ref().ok().and_then(|body| self.reads.read_request(body).ok());
        let declared = request.iter().flat_map(Request::declared).map(str::to_owned).collect();
        Calls { hold: true, declared }
    }

    fn write(
        &self,
        to: &'static dyn Dialect,
        model: Option<&str>,
        isolation: Isolation<'_>,
        token: bool,
    ) -> Result<Result<Copy, Fate>, Error> {
        let renamed = isolation.body(&Body::parse(&self.body)?);
        let body = Body::parse(renamed.as_bytes())?;
        let mut request = self.reads.read_request(&body)?;
        let carried = isolation.carried(&request, &body);
        let params = request.params.len();
        for (place, value) in &carried {
            if let Some(param) = request.params.get_mut(*place) {
                param.value = value;
            } else if let Some((_, rest)) = request.rest.get_mut(place - params) {
                *rest = value;
            }
        }
        isolation.request(&mut request, &body);
        // An answer to what a live agent asked goes to where it waits, and only one may.
        if BACKENDS.iter().any(|dialect| dialect.resumes(&request)) {
            return Ok(Err(Fate::NotEligible(Why::StateElsewhere)));
        }
        let conversation = self.key.as_deref().map(|key| isolation.name(key));
        let target = Target {
            model,
            stream: request.stream || to.always_streams(),
            alike: self.reads.name() == to.name(),
            conversation: conversation.as_deref(),
            drops_content: false,
            number: number(),
        };
        let (sent, _) = dialect::write(&request, to, &target)?;
        let authorization = self.client.authorization.as_ref().filter(|_| token);
        let call = Call {
            body: sent.into(),
            rest: None,
            stream: target.stream,
            headers: self.headers(&isolation),
            client: Client::new(self.client.caller.clone(), authorization),
        };
        let reader = to.reader_for(&request, &target);
        let follow = reader.resume().map(|_| Call { body: Bytes::new(), ..call.clone() });
        let calls = Calls { hold: true, declared: request.declared().map(str::to_owned).collect() };
        Ok(Ok(Copy { call, reader, follow, calls }))
    }

    /// Says what it is, and keeps out of the live request's trace.
    fn headers(&self, isolation: &Isolation<'_>) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(SHADOW, HeaderValue::from_static("1"));
        let id = isolation.name(self.id.to_str().unwrap_or_default());
        let key = format!("{:032x}", xxh3_128(id.as_bytes()));
        for (name, value) in [(IDEMPOTENCY, key), (REQUEST_ID, id)] {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(name, value);
            }
        }
        headers
    }
}

/// The number of a run of its own, which nobody can guess: some backends keep a conversation under it.
fn number() -> u128 {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_or_else(|_| fastrand::u128(..), |()| u128::from_ne_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::auth::{self, Caller};
    use crate::dialect::{ALL, Durable, Responses};

    const LIVE: &str = "LIVE-7f3a";

    fn original(body: String, reads: &'static dyn Dialect) -> Original {
        let caller = Arc::new(Caller::named("ci", auth::Kind::Pat));
        let authorization = HeaderValue::from_static("Bearer s3cret");
        Original {
            body: body.into(),
            reads,
            key: Some(LIVE.to_owned()),
            id: HeaderValue::from_static("11111111-2222-3333-4444-555555555555"),
            client: Client::new(caller, Some(&authorization)),
        }
    }

    fn places() -> Vec<String> {
        let more = ["metadata.tenant", "memory", "custom_inputs.deep.er", "context.user_id"].map(str::to_owned);
        crate::route::state_places(None).chain(more).collect()
    }

    fn copy(original: &Original, to: &'static dyn Dialect) -> Result<Copy, Fate> {
        let places = places();
        original.write(to, None, Isolation::new("shadow", &places), false).unwrap()
    }

    /// Requests of this dialect with these fields more, in every wrapping.
    fn bodies(dialect: &dyn Dialect, fields: &str) -> Vec<String> {
        match dialect.name() {
            "responses" => vec![format!(r#"{{"input":"hi",{fields}}}"#)],
            "split_chat_messages" => {
                let row: serde_json::Value = serde_json::from_str(&format!(r#"{{"query":"hi",{fields}}}"#)).unwrap();
                let row = row.as_object().unwrap();
                let columns = serde_json::to_string(&row.keys().collect::<Vec<_>>()).unwrap();
                let values = serde_json::to_string(&row.values().collect::<Vec<_>>()).unwrap();
                vec![
                    format!(r#"{{"query":"hi",{fields}}}"#),
                    format!(r#"{{"dataframe_records":[{{"query":"hi",{fields}}}]}}"#),
                    format!(r#"{{"dataframe_split":{{"columns":{columns},"data":[{values}]}}}}"#),
                    format!(r#"{{"inputs":{{"query":"hi",{fields}}}}}"#),
                ]
            }
            _ => vec![format!(r#"{{"messages":[{{"role":"user","content":"hi"}}],{fields}}}"#)],
        }
    }

    fn name() -> impl Strategy<Value = String> {
        prop_oneof!["thread_id", "session_id", "conversation_id", "x", "deep"]
    }

    /// Free-form inputs in which the live id stands wherever an id may stand, and nowhere else.
    fn inputs() -> impl Strategy<Value = String> {
        let ids = prop_oneof![Just(format!("\"{LIVE}\"")), Just(format!("[\"{LIVE}\",\"{LIVE}\"]")), Just("7".into())];
        let named = (prop_oneof!["thread_id", "session_id", "conversation_id"], ids)
            .prop_map(|(name, id)| format!("{{\"{name}\":{id},\"a\":null}}"));
        named.prop_recursive(4, 16, 3, |inner| {
            prop_oneof![
                (name(), inner.clone()).prop_map(|(name, inner)| format!("{{\"{name}\":{inner},\"b\":[1.50]}}")),
                prop::collection::vec(inner, 1..3).prop_map(|items| format!("{{\"l\":[{}]}}", items.join(","))),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_live_id_never_reaches_a_copy(inputs in inputs(), user in "[a-z]{1,4}") {
            let fields = format!(
                r#""custom_inputs":{inputs},"context":{{"conversation_id":"{LIVE}","user_id":"{LIVE}"}},"#
            ) + &format!(r#""metadata":{{"tenant":"{LIVE}","k":"{user}"}},"memory":"{LIVE}","client_request_id":"{LIVE}""#);
            let mut mirrored = 0;
            for reads in ALL.iter().copied() {
                for body in bodies(reads, &fields) {
                    let original = original(body, reads);
                    for to in BACKENDS.iter().copied() {
                        let Ok(Ok(copy)) = original.write(to, None, Isolation::new("shadow", &places()), false) else {
                            // What a dialect cannot say is not mirrored.
                            continue;
                        };
                        mirrored += 1;
                        let sent = String::from_utf8(copy.call.body.to_vec()).unwrap();
                        for (place, _) in sent.match_indices(LIVE) {
                            prop_assert!(
                                sent.split_at(place).0.ends_with("shadow:"), "{} to {}: {}", reads.name(), to.name(), sent
                            );
                        }
                    }
                }
            }
            prop_assert!(mirrored > 20, "only {} copies were made", mirrored);
        }
    }

    #[test]
    fn an_id_that_looks_like_a_copys_is_renamed_like_any_other() {
        let body =
            r#"{"input":"hi","custom_inputs":{"thread_id":"shadow:a"},"context":{"conversation_id":"shadow:a"}}"#;
        let copy = copy(&original(body.to_owned(), &Responses), &Responses).unwrap();
        let sent = String::from_utf8(copy.call.body.to_vec()).unwrap();
        assert_eq!(sent.matches("shadow:shadow:a").count(), 2, "{sent}");
    }

    #[test]
    fn everything_else_is_as_it_was() {
        let body = r#"{"input":"thread_id","custom_inputs":{"thread_id":"","n":1.50,"big":12345678901234567890},"temperature":0.50}"#;
        let copy = copy(&original(body.to_owned(), &Responses), &Responses).unwrap();
        let sent = String::from_utf8(copy.call.body.to_vec()).unwrap();
        for same in [r#"{"thread_id":"","n":1.50,"big":12345678901234567890}"#, r#""temperature":0.50"#] {
            assert!(sent.contains(same), "{sent}");
        }
    }

    #[test]
    fn a_copy_says_what_it_is_and_carries_no_token() {
        let original = original(r#"{"input":"hi","store":true}"#.to_owned(), &Responses);
        let copy = copy(&original, &Responses).unwrap();
        let header = |name: &str| copy.call.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        assert_eq!(header("x-cutover-shadow"), "1");
        assert_eq!(header("x-request-id"), "shadow:11111111-2222-3333-4444-555555555555");
        assert_eq!(header("idempotency-key").len(), 32);
        assert!(copy.call.client.authorization.is_none());
        assert!(copy.call.body.windows(13).any(|part| part == br#""store":false"#), "{:?}", copy.call.body);
        let again = original.write(&Responses, None, Isolation::new("shadow-noise", &[]), true).unwrap().unwrap();
        assert_ne!(again.call.headers.get("idempotency-key"), copy.call.headers.get("idempotency-key"));
        assert!(again.call.client.authorization.is_some());
    }

    #[test]
    fn a_run_of_a_durable_agent_is_never_the_live_one() {
        let body = r#"{"input":"hi","context":{"conversation_id":"LIVE-7f3a"}}"#.to_owned();
        let sent = copy(&original(body, &Responses), &Durable).unwrap().call.body;
        let run: serde_json::Value = serde_json::from_slice(&sent).unwrap();
        assert_eq!(run["session_id"], "shadow:LIVE-7f3a");
        assert_ne!(run["id"], "11111111-2222-3333-4444-555555555555");
    }

    #[test]
    fn an_answer_to_what_the_live_agent_asked_is_given_once() {
        let asked = format!("dc_{}_c1", "0".repeat(25));
        let body = format!(
            r#"{{"input":[{{"type":"function_call","call_id":"{asked}","name":"pay","arguments":"{{}}"}},
            {{"type":"function_call_output","call_id":"{asked}","output":"approve"}}]}}"#
        );
        let fate = copy(&original(body, &Responses), &Responses).err();
        assert_eq!(fate, Some(Fate::NotEligible(Why::StateElsewhere)));
    }
}
