//! The checks that need nothing but the public interface.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a check that fails says so by panicking")]

#[path = "answers.rs"]
pub mod answers;
#[path = "fragments.rs"]
mod fragments;
#[path = "requests.rs"]
pub mod requests;
#[path = "round_trips.rs"]
pub mod round_trips;
#[path = "same.rs"]
mod same;
#[path = "sse.rs"]
pub mod sse;
#[path = "streams.rs"]
pub mod streams;
#[path = "watched.rs"]
mod watched;

use cutover::dialect::{self, Ask, Dialect, Responses, Surface};
use cutover::ir::{Calls, Request};

/// Most bytes of an answer; no input is as large.
const LIMIT: usize = 16 << 20;

/// One of a list, by a byte; digits choose what they say, so that inputs can be read.
fn pick<T: Copy>(list: &[T], byte: u8) -> T {
    list[usize::from(byte.wrapping_sub(b'0')) % list.len()]
}

fn client(byte: u8) -> &'static dyn Dialect {
    pick(dialect::ALL, byte)
}

fn backend(byte: u8) -> &'static dyn Dialect {
    pick(dialect::BACKENDS, byte)
}

/// What a client of a dialect asks for; `show`s the agent's own calls or not.
fn ask(client: &dyn Dialect, show: bool) -> Ask {
    let openai = matches!(client.name(), "responses" | "chat_completions");
    Ask {
        surface: if openai { Surface::OpenAi } else { Surface::Invocations },
        model: "agent".to_owned(),
        include_usage: true,
        show_agents_calls: show,
        echo: if client.name() == "responses" { Responses::echo(&Request::default()) } else { String::new() },
        ..Ask::default()
    }
}

/// What is done with calls for that client, which declares two tools.
fn calls(ask: &Ask) -> Calls {
    Calls { hold: !ask.show_agents_calls, declared: vec!["find".to_owned(), "get_weather".to_owned()] }
}

/// Whether bytes are a JSON object. Half of a surrogate pair is JSON (RFC 8259, 8.2), though no text: what nobody here reads
/// goes through as the other side wrote it.
fn is_object(bytes: &[u8]) -> bool {
    bytes.starts_with(b"{") && serde_json::from_slice::<&serde_json::value::RawValue>(bytes).is_ok()
}

/// Whether two JSON texts say the same, whatever is escaped.
fn is_alike(one: &[u8], other: &[u8]) -> bool {
    let read = |bytes| serde_json::from_slice::<serde_json::Value>(bytes).ok();
    one == other || read(one).is_some_and(|one| read(other).as_ref() == Some(&one))
}
