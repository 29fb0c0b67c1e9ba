//! What the chat dialects have in common: how messages, tool calls and usage are read, and how they are written.

mod answer;
mod citation;
mod content;
mod frames;
mod history;
mod lines;
mod path;
mod request;
mod rows;
mod shapes;
mod tools;
mod turns;

pub(super) use answer::{End, StreamReader, read_answer};
pub(super) use citation::{Nested as Citation, to_chat as cite};
pub(super) use content::has_place;
pub(super) use frames::{fail_as_openai, finish_stream, write_body, write_frame};
pub(super) use history::read as read_history;
pub(super) use lines::{Line, Style, lines, role_name, system_lines, text_only};
pub(super) use path::Path;
pub(super) use request::{Extras, encode, envelope, note_rest, read, read_around, read_params, refuse_opaque};
pub(super) use rows::unwrap;
pub(super) use shapes::{DatabricksOutput, Fault, Minted, TokenUsage, WholeCall};
pub(super) use tools::{ChoiceLine, ToolLine, tool_lines};

#[cfg(test)]
pub(super) mod testing;
#[cfg(test)]
mod tests;
