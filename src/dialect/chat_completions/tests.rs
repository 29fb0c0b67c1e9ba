//! Chat Completions by behaviour: what is read from clients and servers, what is written for them.

use super::ChatCompletions as Chat;
use crate::dialect::chat_messages::testing::*;

mod client;
mod requests;
mod server;
mod writing;
