//! `cutover token`: the digest of a token, for the config, and what a JWT says.

use std::io::{IsTerminal as _, Read as _};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::{USAGE, complain, say};
use crate::auth;

/// Longest token that is read.
const LONGEST: u64 = 64 * 1024;

/// Widest column of names.
const WIDEST: usize = 24;

/// Reads a token from standard input and prints its digest. The token itself is shown nowhere.
pub(super) fn hash() -> ExitCode {
    with_token("hash", |token| {
        say(auth::hex(&auth::digest(token)));
        ExitCode::SUCCESS
    })
}

/// Reads a JWT from standard input and prints what it says: its header and claims, and never its signature.
pub(super) fn inspect() -> ExitCode {
    with_token("inspect", |token| {
        let fingerprint: String = auth::hex(&auth::digest(token)).chars().take(12).collect();
        let Some([header, claims]) = read(token) else {
            complain(format_args!("cutover: not a JWT (a PAT has nothing to show); its fingerprint is {fingerprint}"));
            return ExitCode::from(USAGE);
        };
        say("not verified: anyone could have written this");
        say(format_args!("fingerprint  {fingerprint}   (as in the gateway's log)"));
        show("header", &header);
        show("claims", &claims);
        ExitCode::SUCCESS
    })
}

/// Hands the token on standard input to `then`.
fn with_token(command: &str, then: impl FnOnce(&str) -> ExitCode) -> ExitCode {
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
        complain(format_args!(
            "cutover: no token on standard input; try: echo -n \"$TOKEN\" | cutover token {command}"
        ));
        return ExitCode::from(USAGE);
    }
    then(token)
}

/// The header and the claims of a JWT.
fn read(token: &str) -> Option<[Map<String, Value>; 2]> {
    let mut parts = token.split('.');
    let mut next = || serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts.next()?).ok()?).ok();
    let read = [next()?, next()?];
    (parts.count() == 1).then_some(read)
}

fn show(what: &str, fields: &Map<String, Value>) {
    say(what);
    let width = fields.keys().map(String::len).max().unwrap_or_default().min(WIDEST);
    for (name, value) in fields {
        let note = match (name.as_str(), value.as_f64()) {
            ("exp" | "nbf" | "iat" | "auth_time", Some(time)) => relative(time),
            _ => String::new(),
        };
        // As JSON, whose escapes keep control characters away from the terminal.
        say(format_args!("  {:width$}  {value}{note}", name.escape_debug().to_string()));
    }
}

/// How far away a point in time is.
fn relative(time: f64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    let (distance, past) = ((time - now).abs(), time < now);
    let scale = [(86_400.0, "days"), (3_600.0, "hours"), (60.0, "minutes")];
    let (length, unit) = scale.into_iter().find(|(length, _)| distance >= 2.0 * length).unwrap_or((1.0, "seconds"));
    let count = (distance / length).round();
    if past { format!("   ({count} {unit} ago)") } else { format!("   (in {count} {unit})") }
}
