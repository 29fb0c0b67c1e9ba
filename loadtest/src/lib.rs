//! Cutover and its peers side by side on one machine, and what each of them costs. `loadtest/README.md` says how it is run
//! and what is measured.
//!
//! [`compare`] starts the [`peers`] of each [`work`] in front of one fake [`upstream`] and sends [`load`] through each of
//! them in turn; [`results`] is what is written down and [`report`] is how it is shown.

use std::io::Write as _;
use std::path::PathBuf;

pub mod clock;
pub mod compare;
pub mod cores;
pub mod load;
pub mod loopback;
pub mod marks;
pub mod mirror;
pub mod peers;
pub mod process;
pub mod reactor;
pub mod relay;
pub mod report;
pub mod results;
pub mod smoke;
pub mod upstream;
pub mod voice;
pub mod wire;
pub mod work;

/// Says something to whoever watches.
pub fn tell(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Where things are: this package, in whose folder peers are installed, and a `cutover` binary.
///
/// # Errors
/// When the working directory is gone.
pub fn here(cutover: PathBuf) -> std::io::Result<peers::Here> {
    Ok(peers::Here { package: PathBuf::from(env!("CARGO_MANIFEST_DIR")), cutover: std::path::absolute(cutover)? })
}
