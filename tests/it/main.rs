//! The gateway in this process, on real sockets, between scriptable fakes and a client that sees every byte.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::string_slice,
    clippy::too_many_lines,
    clippy::unwrap_used,
    unreachable_pub,
    reason = "a test that cannot go on says so by panicking, and shows what it saw"
)]

mod admin;
mod allow;
mod auth;
mod background;
mod bad_input;
mod cancel;
mod client_tls;
mod codecs;
mod command_line;
mod credentials;
mod cut;
mod databricks;
mod detection;
mod durable;
mod edges;
mod explain;
mod floods;
mod hold;
mod identity_headers;
mod jwt_attacks;
mod live;
mod oauth;
mod pairs;
mod pat;
mod paths;
mod protocol;
mod replay;
mod resilience;
mod rules;
mod secrets;
mod shadow;
mod shadow_bad;
mod shadow_opinions;
mod shadow_records;
mod shadow_stop;
mod split;
mod support;
mod timeouts;
mod tls;
mod traces;
