//! The bench on which the gateway is tested: a fake backend, the gateway, a client.

mod client;
mod fake;
mod gateway;
pub mod log;
pub mod oidc;
mod process;
pub mod says;

pub use client::{Answer, Client, read};
pub use fake::{Fake, Seen, Step};
pub use fake::{chunked, plain};
pub use gateway::{Gateway, mirrored, one_backend};
pub use process::{Process, folder, with_ports};
