//! The gateway in this process, on real sockets, between scriptable fakes and a client that sees every byte.

mod auth;
mod bad_input;
mod cancel;
mod command_line;
mod cut;
mod pairs;
mod paths;
mod protocol;
mod split;
mod support;
mod timeouts;
