//! Leaves out of messages what a backend's format has no place for, where the route would rather have an answer than a
//! refusal.

use std::borrow::Cow;

use super::{Dialect, Target};
use crate::ir::{Dropped, Item, Part, Request, Role};

/// The request without the parts that the backend's messages have no place for, each of them noted. A message that would
/// be left without a word says what is not there. Fields are another matter: what would change the answer's shape is
/// refused all the same.
pub(super) fn fitted<'r, 'a>(
    request: &'r Request<'a>,
    backend: &dyn Dialect,
    target: &Target<'_>,
    dropped: &mut Dropped,
) -> Cow<'r, Request<'a>> {
    let misfits = |item: &Item<'_>| {
        parts(item).is_some_and(|(speaker, parts)| parts.iter().any(|part| !backend.has_place(part, speaker, target)))
    };
    if !request.items.iter().any(misfits) {
        return Cow::Borrowed(request);
    }
    let mut fitted = request.clone();
    for item in &mut fitted.items {
        let (speaker, parts) = match item {
            Item::Message(message) => (Some(&message.role), &mut message.parts),
            Item::CallOutput(output) => (None, &mut output.parts),
            _ => continue,
        };
        let mut left_out = Vec::new();
        parts.retain(|part| {
            let stays = backend.has_place(part, speaker, target);
            if !stays {
                dropped.note_because(name(part), "the agent's messages have no place for it");
                left_out.push(name(part).to_owned());
            }
            stays
        });
        let silent = parts.iter().all(|part| matches!(part, Part::Text(text) | Part::Refusal(text) if text.is_empty()));
        if silent && !left_out.is_empty() {
            parts.push(Part::Text(format!("[left out: {}]", left_out.join(", ")).into()));
        }
    }
    Cow::Owned(fitted)
}

/// Who says something, none for a tool, and what.
fn parts<'i, 'a>(item: &'i Item<'a>) -> Option<(Option<&'i Role>, &'i [Part<'a>])> {
    match item {
        Item::Message(message) => Some((Some(&message.role), &message.parts)),
        Item::CallOutput(output) => Some((None, &output.parts)),
        _ => None,
    }
}

/// The name of a part's kind, as in a refusal.
fn name<'p>(part: &'p Part<'_>) -> &'p str {
    match part {
        Part::Text(_) | Part::Refusal(_) => "text",
        Part::Image { .. } => "image",
        Part::File(_) => "file",
        Part::Audio(_) => "input_audio",
        Part::Opaque { kind, .. } => kind,
    }
}

#[cfg(test)]
mod tests {
    use crate::dialect::{BACKENDS, Target, named, write};
    use crate::ir::Body;

    const EVERYTHING: &str = r#"{"input":[
        {"role":"user","content":[{"type":"input_text","text":"hi"},{"type":"input_image","image_url":"https://e.org/a"}]},
        {"role":"user","content":[{"type":"input_file","file_url":"https://e.org/b"},{"type":"input_hologram"}]},
        {"role":"assistant","content":[{"type":"output_text","text":"so"},{"type":"hologram"}]},
        {"type":"function_call","call_id":"c","name":"f","arguments":"{}"},
        {"type":"function_call_output","call_id":"c","output":[{"type":"input_image","image_url":"https://e.org/a"}]},
        {"role":"user","content":"and?"}],"n":1}"#;

    fn sent(backend: &str, body: &str, drops_content: bool) -> Result<(String, Vec<String>), String> {
        let (client, backend) = (named("responses").unwrap(), named(backend).unwrap());
        let body = Body::parse(body.as_bytes()).unwrap();
        let request = client.read_request(&body).unwrap();
        let (sent, dropped) = write(&request, backend, &Target { drops_content, ..Target::default() })
            .map_err(|error| error.field().unwrap_or_default().to_owned())?;
        Ok((String::from_utf8(sent).unwrap(), dropped.names().to_vec()))
    }

    #[test]
    fn every_backend_takes_what_is_left_and_the_rest_is_named() {
        for backend in BACKENDS {
            let name = backend.name();
            assert!(sent(name, EVERYTHING, false).is_err(), "{name} refuses it as a rule");
            let (sent, dropped) = sent(name, EVERYTHING, true).unwrap();
            assert!(sent.contains("hi") && sent.contains("and?"), "{name}: {sent}");
            let text_only = !matches!(name, "responses" | "chat_completions");
            assert_eq!(sent.contains("https://e.org/a"), !text_only, "{name}: {sent}");
            assert_eq!(sent.contains("[left out: file, input_hologram]"), name != "responses", "{name}: {sent}");
            for kind in ["image", "file", "input_hologram", "hologram"] {
                let fits = matches!((name, kind), ("responses", "image" | "file"));
                assert_eq!(dropped.iter().any(|dropped| dropped == kind), !fits, "{name}: {dropped:?}");
            }
        }
    }

    #[test]
    fn fields_that_one_dialect_has_alone_are_carried_between_like_ones_and_named_elsewhere() {
        let phase =
            r#"{"input":[{"role":"assistant","content":"hm","phase":"commentary"},{"role":"user","content":"hi"}]}"#;
        let attached = r#"{"messages":[{"role":"user","content":"hi"},
            {"role":"assistant","content":"","tool_calls":[{"id":"c","function":{"name":"f","arguments":"{}"}}]},
            {"role":"tool","content":"7","name":"f","tool_call_id":"c","attachments":{"table":[1]}},
            {"role":"user","content":"so?"}]}"#;
        let cases = [
            ("responses", phase, r#""phase":"commentary""#),
            ("chat_agent", attached, r#""attachments":{"table":[1]}"#),
        ];
        for (client, body, field) in cases {
            let key = field.split('"').nth(1).unwrap();
            for backend in BACKENDS {
                let alike = backend.name() == client;
                let body = Body::parse(body.as_bytes()).unwrap();
                let request = named(client).unwrap().read_request(&body).unwrap();
                let (sent, dropped) = write(&request, *backend, &Target { alike, ..Target::default() }).unwrap();
                let sent = String::from_utf8(sent).unwrap();
                assert_eq!(sent.contains(field), alike, "{client} to {}: {sent}", backend.name());
                assert_eq!(dropped.names().iter().any(|name| name == key), !alike, "{client} to {}", backend.name());
            }
        }
    }

    #[test]
    fn what_would_change_the_answers_shape_is_refused_all_the_same() {
        let body = r#"{"messages":[{"role":"user","content":"hi"}],"n":2}"#;
        let (client, backend) = (named("chat_completions").unwrap(), named("chat_agent").unwrap());
        let body = Body::parse(body.as_bytes()).unwrap();
        let request = client.read_request(&body).unwrap();
        let error = write(&request, backend, &Target { drops_content: true, ..Target::default() }).unwrap_err();
        assert_eq!(error.field(), Some("n"));
    }
}
