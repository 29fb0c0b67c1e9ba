//! The conversation form: the one neutral shape of a request and of an answer that every dialect is a codec for.
//!
//! A client's body becomes a [`Body`] (its top-level fields, nothing more), from which routing peeks and from which a
//! dialect reads a [`Request`]. A backend's bytes become loose [`Fragment`]s, as tolerant as backends are sloppy; the
//! [`Assembler`] turns them into strict [`Event`]s, one item after another and exactly one end, and into the [`Answer`]
//! that they add up to. Because a plain answer takes the same road, streaming and not streaming can never differ.

mod answer;
mod assembler;
mod body;
mod event;
mod field;
mod fragment;
pub mod legal;
mod opening;
mod request;
mod text;

pub use answer::{AgentCall, Answer, Finish, Output, OwnField, Piece, Usage};
pub use assembler::{Assembler, Calls, Emit};
pub use body::{Body, Fields};
pub use event::Event;
pub use field::{Carry, Field, Param, Value};
pub use fragment::{Fragment, Sink};
pub use opening::Opening;
pub use request::{
    Call, CallOutput, Dropped, Format, Item, Message, Own, Part, Reasoning, Request, Role, Tool, ToolChoice,
};
pub use text::{Json, Long, Str, json};
