//! The mirror: copies of live requests to a candidate, whose answers go to the comparison and nowhere else.
//!
//! A [`Mirror`] belongs to a route. When a request has been routed, [`Mirror::admit`] says whether it is one to copy and
//! hands out a [`Ticket`] if it is; when the client has its whole answer, [`Ticket::end`] puts the copy into a bounded
//! queue. Neither ever waits. A worker takes copies out again and sends each, in the candidate's dialect, with its
//! credential, over connections of the mirror's own and on threads to which clients are preferred, so nothing that the
//! candidate does reaches a client: not a candidate that is down, nor one that hangs, sends garbage or never ends.
//!
//! What is worth comparing: an exchange that the primary ended, well or not. A client that leaves early leaves half an
//! answer, and a request that was refused before any agent saw it has none; both are counted and compared with nothing.
//!
//! Every request is counted once, by its [`Fate`]; the counts add up to the requests.

mod account;
mod background;
mod budget;
mod copy;
mod exchange;
mod funnel;
mod heard;
mod isolate;
mod ledger;
mod mirror;
mod moments;
mod opinions;
mod pause;
mod punctual;
mod redact;
mod replay;
mod sample;
mod ticket;
mod worker;
mod workers;

pub use account::{export, report};
pub use funnel::{Fate, Funnel, Why};
pub use ledger::Ledger;
pub use mirror::{Foretold, Mirror};
pub use replay::{Answered, Compared, Recorded, Replay, Replayed};
pub use ticket::{Arrived, Ending, Primary, Ticket, Told};
pub use workers::Workers;
