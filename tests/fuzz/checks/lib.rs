//! What must hold of the codecs whatever they are given: one check for each fuzz target, each of any bytes.
//!
//! The first bytes of an input choose (the dialects, the size of the pieces), the rest is what is read. The ordinary tests
//! include these files and hold them against the corpus and against random bytes, so that the checks run everywhere.

pub mod tokens;

mod checks;
pub use checks::*;
