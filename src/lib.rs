//! Cutover is a drop-in OpenAI base URL that moves live agent traffic from a legacy Model Serving endpoint to a new
//! Databricks App, while no client changes a line.
//!
//! # The life of a request
//!
//! [`gateway::Gateway::handle`] reads top to bottom as this list, and nothing else decides the order.
//!
//! 1. **Receive.** [`server`] speaks HTTP/1.1 and HTTP/2 on one port; the path names the family of clients. One
//!    [`Snapshot`](gateway::Snapshot) of the config is taken here and used to the end.
//! 2. **Authenticate.** [`auth::Authenticator`] knows the [`Caller`](auth::Caller) by the head alone, so a stranger's body
//!    is never read.
//! 3. **Peek.** [`ir::Body`] reads the body's top-level fields and no further.
//! 4. **Route.** [`route::Table::pick`] finds the first rule that matches and the backend: by weight, and by the
//!    conversation's [sticky key](route::Sticky) so that it [stays where it is](route::Split).
//! 5. **Translate the request.** The client's [`Dialect`](dialect::Dialect) reads an [`ir::Request`];
//!    [`dialect::admit`] says what the backend cannot carry; the backend's dialect writes it.
//! 6. **Call.** [`upstream::Backend::call`] presents the [`Credential`](credential::Credential), under deadlines; a failure
//!    gets its own [`Kind`](error::Kind) and with it a status, a code and a fault.
//! 7. **Relay.** The backend's bytes become [frames](sse::Frame), [fragments](ir::Fragment), strict [events](ir::Event) and
//!    the client's bytes, all in a [`Transcoder`](dialect::Transcoder) that does no IO; a
//!    [`Relay`](gateway::Relay) pulls them through as the client reads. Plain answers take the same road. A stream that
//!    breaks off is taken up again where its dialect can.
//! 8. **Offer.** Dropping the [`Exchange`](gateway::Exchange) ends it: counted in [`telemetry`], written to one
//!    access-log line, offered to whoever [observes](gateway::Observer).
//!
//! # Around it
//!
//! [`config`] turns the file into one resolved value or all of its problems; [`net`] makes connections and asks small
//! questions over them, for keys and for tokens; [`app`] builds every part once, starts them and stops them in order;
//! [`admin`] is for operators; [`store`] keeps what must outlive the process; [`cli`] is the command line.

pub mod admin;
pub mod app;
pub mod auth;
pub mod cli;
pub mod compare;
pub mod config;
pub mod credential;
pub mod dialect;
pub mod error;
pub mod gateway;
pub mod ir;
pub mod judge;
pub mod net;
pub mod report;
pub mod route;
pub mod server;
pub mod sse;
pub mod store;
pub mod telemetry;
pub mod upstream;
