//! How a conversation opens: what the agent is told to be, and the first thing that the user says.
//!
//! Every request of a conversation that brings its history repeats its opening, whatever the client's dialect is, so it
//! can stand for the conversation where the client gives it no name.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Body, Role, Str};

/// The opening of a conversation; the same words make the same opening in every dialect.
#[derive(Debug, PartialEq, Eq)]
pub struct Opening<'a> {
    /// Instructions, and messages of the system and the developer before the user's first.
    pub instructions: Vec<Str<'a>>,
    /// The parts of the user's first message: the text of those that have one, others as they came.
    pub said: Vec<Str<'a>>,
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    role: Option<Str<'a>>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Part<'a> {
    #[serde(borrow)]
    text: Option<Str<'a>>,
}

impl<'a> Opening<'a> {
    /// The opening of a request's conversation; `None` where the user has not said anything. What cannot be read is left
    /// out: whoever reads the whole request later says what is wrong with it.
    #[must_use]
    pub fn of(body: &Body<'a>) -> Option<Self> {
        let mut opening = Self { instructions: Vec::new(), said: Vec::new() };
        opening.instructions.extend(body.given("instructions").and_then(text));
        // A question follows its history.
        let told = ["input", "messages", "history", "query"].into_iter().filter_map(|field| body.given(field));
        told.into_iter().find(|told| opening.listen(told))?;
        Some(opening)
    }

    /// Takes in a text of the user, or a list of messages up to the first one of the user; whether there was one.
    fn listen(&mut self, told: &'a RawValue) -> bool {
        if let Some(text) = text(told) {
            self.said.push(text);
            return true;
        }
        for line in list(told) {
            let Ok(line) = serde_json::from_str::<Line<'a>>(line.get()) else { continue };
            let role = line.role.as_deref().and_then(Role::named);
            let said = line.content.map(parts).unwrap_or_default();
            match role {
                Some(Role::System | Role::Developer) => self.instructions.extend(said),
                Some(Role::User) => {
                    self.said = said;
                    return !self.said.is_empty();
                }
                _ => {}
            }
        }
        false
    }
}

fn text(value: &RawValue) -> Option<Str<'_>> {
    serde_json::from_str(value.get()).ok()
}

fn list(value: &RawValue) -> Vec<&RawValue> {
    serde_json::from_str(value.get()).unwrap_or_default()
}

fn parts(content: &RawValue) -> Vec<Str<'_>> {
    let part = |part| {
        let read: Option<Part<'_>> = serde_json::from_str(RawValue::get(part)).ok();
        read.and_then(|part| part.text).unwrap_or_else(|| Str::from(part.get()))
    };
    text(content).map_or_else(|| list(content).into_iter().map(part).collect(), |text| vec![text])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opening(body: &str) -> Option<(Vec<String>, Vec<String>)> {
        let owned = |texts: Vec<Str<'_>>| texts.into_iter().map(Str::into_string).collect();
        Opening::of(&Body::parse(body.as_bytes()).unwrap())
            .map(|opening| (owned(opening.instructions), owned(opening.said)))
    }

    #[test]
    fn the_same_words_are_the_same_opening_in_every_dialect() {
        let expected = Some((vec!["be\nkind".to_owned()], vec!["hi".to_owned()]));
        for body in [
            r#"{"instructions":"be\nkind","input":"hi"}"#,
            r#"{"instructions":"be\nkind","input":[{"role":"user","content":[{"type":"input_text","text":"hi"}]}]}"#,
            r#"{"input":[{"type":"message","role":"developer","content":"be\nkind"},{"role":"user","content":"hi"},{"role":"user","content":"more"}]}"#,
            r#"{"messages":[{"role":"system","content":"be\nkind"},{"role":"user","content":"hi"},{"role":"assistant","content":"yes?"},{"role":"user","content":"x"}]}"#,
            r#"{"messages":[{"role":"system","content":[{"type":"text","text":"be\nkind"}]},{"role":"user","content":[{"type":"text","text":"h\u0069"}]}]}"#,
            r#"{"history":[{"role":"system","content":"be\nkind"}],"query":"hi"}"#,
            r#"{"query":"later","history":[{"role":"system","content":"be\nkind"},{"role":"user","content":"hi"},{"role":"assistant","content":"yes?"}]}"#,
        ] {
            assert_eq!(opening(body), expected, "{body}");
        }
    }

    #[test]
    fn pictures_count_and_silence_is_no_opening() {
        let image = r#"{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"x"}}]}]}"#;
        assert_eq!(opening(image).unwrap().1, [r#"{"type":"image_url","image_url":{"url":"x"}}"#]);
        for body in [
            "{}",
            r#"{"input":[]}"#,
            r#"{"input":[{"type":"function_call_output","call_id":"c","output":"x"}]}"#,
            r#"{"messages":[{"role":"system","content":"be kind"}]}"#,
            r#"{"messages":7}"#,
            r#"{"messages":[7,{"role":"user"}]}"#,
        ] {
            assert_eq!(opening(body), None, "{body}");
        }
    }
}
