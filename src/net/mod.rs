//! Connections out of this process, and small questions over them.
//!
//! Backends are called by [`upstream`](crate::upstream); here is what it shares with those who ask identity providers
//! and token endpoints: how a connection is made, how a small document is fetched, and how many who want the same thing
//! at once ask for it once.

mod connect;
mod fetch;
mod flight;

pub use connect::{Connector, Stream, TimedOut};
pub use fetch::{Failed, Fetched, Fetcher, Form};
pub use flight::{Flight, Landing};
