//! Which of the fields that one dialect alone has a client's answer can carry; what it cannot is named.

use super::{Ask, Dialect, Legacy, Shape, Surface, named};
use crate::ir::Answer;

/// The places that a client's answer has for fields of items that one dialect alone has.
#[derive(Clone, Copy, Debug, Default)]
pub struct OwnPlaces {
    carried: &'static [&'static str],
    /// The client sees what the agent did itself.
    shown: bool,
}

impl OwnPlaces {
    /// The places in the answer to what was asked in the `client`'s dialect.
    #[must_use]
    pub fn of(client: &dyn Dialect, ask: &Ask) -> Self {
        let both = ask.shape == Shape::Both(Legacy::ChatAgent);
        let carried = named("chat_agent").filter(|_| both).map_or(client.own_fields(), Dialect::own_fields);
        Self { carried, shown: both || ask.show_agents_calls || ask.surface == Surface::Invocations }
    }

    /// The names of the fields in `answer` that have no place.
    #[must_use]
    pub fn lost(&self, answer: &Answer) -> Vec<&'static str> {
        let mut names = answer.own_fields(self.shown);
        names.retain(|name| !self.carried.contains(name));
        names
    }
}

#[cfg(test)]
mod tests {
    use crate::dialect::{ALL, Ask, Dialect, Legacy, OwnPlaces, Responses, Shape, Surface, Transcoder, named};
    use crate::ir::{Answer, Assembler, Calls, Event, Fragment, Request};

    const PHASE: &str = r#"{"id":"r","status":"completed","output":[
        {"type":"message","id":"m1","role":"assistant","phase":"commentary",
            "content":[{"type":"output_text","text":"I look."}]},
        {"type":"message","id":"m2","role":"assistant","phase":"final_answer",
            "content":[{"type":"output_text","text":"It is seven."}]}]}"#;
    const PHASES: &str = "data: {\"type\":\"response.created\",\"response\":{\"id\":\"r\"}}\n\n\
        data: {\"type\":\"response.output_item.added\",\"output_index\":0,\"item\":{\"type\":\"message\",\"id\":\"m1\",\"role\":\"assistant\",\"phase\":\"commentary\",\"content\":[]}}\n\n\
        data: {\"type\":\"response.output_text.delta\",\"item_id\":\"m1\",\"delta\":\"I look.\"}\n\n\
        data: {\"type\":\"response.output_item.done\",\"item\":{\"type\":\"message\",\"id\":\"m1\",\"role\":\"assistant\",\"phase\":\"commentary\",\"content\":[{\"type\":\"output_text\",\"text\":\"I look.\"}]}}\n\n\
        data: {\"type\":\"response.output_text.delta\",\"item_id\":\"m2\",\"delta\":\"It is seven.\"}\n\n\
        data: {\"type\":\"response.output_item.done\",\"item\":{\"type\":\"message\",\"id\":\"m2\",\"role\":\"assistant\",\"phase\":\"final_answer\",\"content\":[{\"type\":\"output_text\",\"text\":\"It is seven.\"}]}}\n\n\
        data: {\"type\":\"response.completed\",\"response\":{\"id\":\"r\",\"output\":[]}}\n\ndata: [DONE]\n\n";
    const ATTACHED: &str = r#"{"messages":[
        {"role":"assistant","content":"","id":"a","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]},
        {"role":"tool","content":"21","name":"f","id":"b","tool_call_id":"c","attachments":{"raw":"sunny"}},
        {"role":"assistant","content":"21 degrees","id":"d","attachments":{"chart":"c1"}}]}"#;
    const DELTAS: &str = "data: {\"delta\":{\"role\":\"tool\",\"content\":\"21\",\"name\":\"f\",\"id\":\"b\",\"tool_call_id\":\"c\",\"attachments\":{\"raw\":\"sunny\"}}}\n\n\
        data: {\"delta\":{\"role\":\"assistant\",\"content\":\"21 \",\"id\":\"d\"}}\n\n\
        data: {\"delta\":{\"role\":\"assistant\",\"content\":\"degrees\",\"id\":\"d\"}}\n\n\
        data: {\"delta\":{\"role\":\"assistant\",\"content\":\"\",\"id\":\"d\",\"attachments\":{\"chart\":\"c1\"}},\"finish_reason\":\"stop\"}\n\ndata: [DONE]\n\n";

    fn ask(client: &dyn Dialect) -> Ask {
        let openai = matches!(client.name(), "responses" | "chat_completions");
        Ask {
            surface: if openai { Surface::OpenAi } else { Surface::Invocations },
            show_agents_calls: true,
            echo: if client.name() == "responses" { Responses::echo(&Request::default()) } else { String::new() },
            ..Ask::default()
        }
    }

    fn assembler() -> Assembler {
        Assembler::new("seed".to_owned(), 0, Calls::default(), 1 << 20)
    }

    /// What a client gets, plain and streamed, and what is said to be lost.
    fn told(
        backend: &str,
        client: &dyn Dialect,
        ask: &Ask,
        plain: &str,
        stream: &str,
    ) -> [(String, Vec<&'static str>); 2] {
        let (backend, places) = (named(backend).unwrap(), OwnPlaces::of(client, ask));
        let mut assembler_ = assembler();
        let mut unheard = |_: &Event<'_>, _: &Answer| {};
        backend.read_answer(plain.as_bytes(), &mut |fragment: Fragment<'_>| assembler_.push(fragment, &mut unheard));
        let answer = assembler_.into_answer();
        assert!(answer.finish.is_some(), "{:?}", answer.failure);
        let mut whole = Vec::new();
        client.write_answer(&answer, ask, &mut whole);
        let mut transcoder = Transcoder::new(backend.reader(), assembler(), Some(client.writer(ask)), 1 << 20);
        transcoder.start();
        transcoder.push(stream.as_bytes());
        transcoder.end();
        let frames = String::from_utf8(transcoder.out().to_vec()).unwrap();
        let lost = places.lost(transcoder.answer());
        [(String::from_utf8(whole).unwrap(), places.lost(&answer)), (frames, lost)]
    }

    #[test]
    fn a_phase_reaches_clients_of_the_responses_api_and_is_named_to_all_others() {
        for client in ALL {
            let [(plain, lost), (stream, lost_of_stream)] = told("responses", *client, &ask(*client), PHASE, PHASES);
            let times = |text: &str, phase: &str| text.matches(&format!("\"phase\":\"{phase}\"")).count();
            if client.name() == "responses" {
                assert_eq!((times(&plain, "commentary"), times(&plain, "final_answer")), (1, 1), "{plain}");
                // Announced with the item where the backend did, and always in the item and in the response.
                assert_eq!((times(&stream, "commentary"), times(&stream, "final_answer")), (3, 2), "{stream}");
                assert!(lost.is_empty() && lost_of_stream.is_empty());
            } else {
                assert!(!plain.contains("phase") && !stream.contains("phase"), "{plain}\n{stream}");
                assert_eq!((lost, lost_of_stream), (vec!["phase"], vec!["phase"]), "{}", client.name());
            }
        }
    }

    #[test]
    fn attachments_reach_clients_of_chat_agents_once_and_are_named_to_all_others() {
        let both = Ask { shape: Shape::Both(Legacy::ChatAgent), ..Ask::default() };
        let clients = ALL.iter().map(|client| (*client, ask(*client)));
        for (client, ask) in clients.chain([(named("chat_completions").unwrap(), both)]) {
            let [(plain, lost), (stream, lost_of_stream)] = told("chat_agent", client, &ask, ATTACHED, DELTAS);
            for text in [&plain, &stream] {
                let carried = client.name() == "chat_agent" || ask.shape != Shape::OpenAi;
                let expected = usize::from(carried);
                assert_eq!(text.matches(r#""attachments":{"raw":"sunny"}"#).count(), expected, "{text}");
                assert_eq!(text.matches(r#""attachments":{"chart":"c1"}"#).count(), expected, "{text}");
                assert_eq!(lost.is_empty() && lost_of_stream.is_empty(), carried, "{lost:?} {lost_of_stream:?}");
            }
        }
    }

    #[test]
    fn what_is_hidden_with_the_agents_own_calls_is_not_said_to_be_lost() {
        let client = named("responses").unwrap();
        let hidden = Ask { show_agents_calls: false, ..ask(client) };
        let only = ATTACHED.replace(r#","attachments":{"chart":"c1"}"#, "");
        assert_eq!(told("chat_agent", client, &hidden, &only, DELTAS)[0].1, Vec::<&str>::new());
        assert_eq!(told("chat_agent", client, &ask(client), &only, DELTAS)[0].1, ["attachments"]);
    }
}
