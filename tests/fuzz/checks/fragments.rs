//! Makes an answer of any bytes: what a backend said, in an order that no backend may have tried yet.

use cutover::ir::{Finish, Fragment, Json, Str, Usage};
use serde_json::value::RawValue;

/// Words that are apt to be taken for something else.
const WORDS: &[&str] = &[
    "a",
    " ",
    "\n",
    "\r\n",
    "data: ",
    "[DONE]",
    "\n\n",
    "\"",
    "\\",
    "\u{2028}",
    "é",
    "\u{1F980}",
    "{}",
    "{\"a\":1}",
    "null",
    "\0",
    "<br>",
    "event: error",
    "Hello, ",
    "world",
];

/// Arguments, and pieces of them.
const PIECES: &[&str] = &["{", "}", "{\"a\":1}", "{\"a\":", "1}", "[", "", " ", "\"x\"", "{}", "7"];
const WHOLES: &[&str] = &["{}", "{\"a\":1}", "{\"n\":\"\\u00e9\\n\"}", "{ \"b\" : [ {} ] }", ""];

const CITATION: &str = r#"{"type":"url_citation","url":"https://e.org/","title":"E","start_index":0,"end_index":1}"#;

/// Reads choices from bytes; zeros when they are used up.
struct Choices<'b>(std::slice::Iter<'b, u8>);

impl Choices<'_> {
    fn next(&mut self, of: usize) -> usize {
        usize::from(self.0.next().copied().unwrap_or(0)) % of
    }

    fn words(&mut self, list: &[&str]) -> String {
        (0..self.next(4)).map(|_| list[self.next(list.len())]).collect()
    }

    fn item(&mut self) -> Option<Str<'static>> {
        [None, Some("m1"), Some("m2"), Some("")][self.next(4)].map(Str::from)
    }

    fn tool(&mut self) -> &'static str {
        ["find", "get_weather", "its own", "crm.find"][self.next(4)]
    }
}

/// What the backend said. Every call has an id of its own, as legal answers have it.
pub(super) fn make(bytes: &[u8]) -> Vec<Fragment<'static>> {
    let mut choices = Choices(bytes.iter());
    let (mut fragments, mut made) = (Vec::new(), 0_u32);
    while choices.0.len() > 0 && fragments.len() < 64 {
        let fragment = match choices.next(12) {
            0 => Fragment::Text { item: choices.item(), delta: choices.words(WORDS).into() },
            1 => Fragment::Refusal { item: choices.item(), delta: choices.words(WORDS).into() },
            2 => Fragment::Reasoning { item: choices.item(), delta: choices.words(WORDS).into() },
            3 => Fragment::Annotation { annotation: raw(CITATION) },
            4 => Fragment::Message {
                item: choices.item(),
                text: choices.words(WORDS).into(),
                refusal: [None, Some("no")][choices.next(2)].map(Str::from),
                annotations: Vec::new(),
            },
            5 => Fragment::Thought { item: choices.item(), text: choices.words(WORDS).into(), encrypted: None },
            6 => {
                made += 1;
                let call_id = [format!("c{made}"), String::new()][choices.next(2)].clone();
                let (name, arguments) = (choices.tool(), WHOLES[choices.next(WHOLES.len())]);
                Fragment::Call { slot: None, call_id: call_id.into(), name: name.into(), arguments: arguments.into() }
            }
            7 => {
                let slot = u32::try_from(choices.next(4)).unwrap();
                let name = [None, Some(choices.tool())][choices.next(2)].map(Str::from);
                Fragment::CallStart { slot, call_id: Some(format!("s{slot}").into()), name }
            }
            8 => {
                let slot = u32::try_from(choices.next(4)).unwrap();
                Fragment::CallArguments { slot, delta: choices.words(PIECES).into() }
            }
            9 => {
                let call_id = format!("{}{}", ["c", "s"][choices.next(2)], choices.next(6));
                Fragment::CallOutput { call_id: call_id.into(), name: None, output: choices.words(WORDS).into() }
            }
            10 => {
                let (key, value) = [("phase", "\"final_answer\""), ("attachments", "{\"a\":\"b\"}")][choices.next(2)];
                Fragment::Own { item: choices.item(), key, value: raw(value) }
            }
            _ => {
                let [input, output] = [choices.next(99), choices.next(99)].map(|count| Some(count as u64));
                let details = Usage { cached: 1, reasoning: 2, ..Usage::new(input, output, None) };
                Fragment::Usage(details)
            }
        };
        fragments.push(fragment);
    }
    let finishes = [Finish::Stop, Finish::ToolCalls, Finish::Length, Finish::ContentFilter];
    fragments.push(Fragment::Finish(finishes[usize::from(bytes.last().copied().unwrap_or(0)) % 4]));
    fragments.push(Fragment::Done);
    fragments
}

fn raw(json: &str) -> Json<'static> {
    Json::Owned(RawValue::from_string(json.to_owned()).unwrap())
}
