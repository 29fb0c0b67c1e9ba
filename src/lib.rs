//! Cutover: a drop-in OpenAI base URL that moves live agent traffic from a legacy endpoint to a new app.
pub mod config;
pub mod dialect;
pub mod error;
pub mod ir;
pub mod sse;
