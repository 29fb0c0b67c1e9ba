//! `cutover token hash`: the digest of a token, for the config.

use std::io::{IsTerminal as _, Read as _};
use std::process::ExitCode;

use zeroize::Zeroizing;

use super::{USAGE, complain, say};
use crate::auth;

/// Longest token that is read.
const LONGEST: u64 = 64 * 1024;

/// Reads a token from standard input and prints its digest. The token itself is shown nowhere.
pub(super) fn hash() -> ExitCode {
    let input = std::io::stdin();
    if input.is_terminal() {
        complain("type the token, then Enter and Ctrl-D (better: pipe it, so that it is not shown)");
    }
    let mut secret = Zeroizing::new(String::new());
    if let Err(error) = input.lock().take(LONGEST).read_to_string(&mut secret) {
        complain(format_args!("cutover: cannot read the token from standard input: {error}"));
        return ExitCode::from(USAGE);
    }
    let token = secret.trim_end_matches(['\r', '\n']);
    if token.is_empty() {
        complain("cutover: no token on standard input; try: echo -n \"$TOKEN\" | cutover token hash");
        return ExitCode::from(USAGE);
    }
    say(auth::hex(&auth::digest(token)));
    ExitCode::SUCCESS
}
