//! The log of the whole test run, and the secrets that must never be in it.

use std::io::Write;
use std::sync::{Mutex, Once};

static LINES: Mutex<Vec<u8>> = Mutex::new(Vec::new());
/// What must not be logged, each with how far the log has been looked through for it.
static FORBIDDEN: Mutex<Vec<(String, usize)>> = Mutex::new(Vec::new());

struct Lines;

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LINES.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Keeps every line from now on, of every level.
pub fn capture() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let filter = tracing_subscriber::EnvFilter::new("cutover=trace,access=trace");
        let _ = tracing_subscriber::fmt().json().with_env_filter(filter).with_writer(|| Lines).try_init();
    });
}

/// What was logged so far.
pub fn lines() -> String {
    String::from_utf8_lossy(&LINES.lock().unwrap()).into_owned()
}

/// From now on this must not be logged.
pub fn forbid(secret: &str) {
    // Of a JWT, the signature is enough: whoever logs a part of a token logs that one or none that matters.
    let part = secret.rsplit('.').next().unwrap_or(secret);
    let mut forbidden = FORBIDDEN.lock().unwrap();
    if part.len() >= 8 && forbidden.iter().all(|(known, _)| known != part) {
        forbidden.push((part.to_owned(), 0));
    }
}

/// Fails if anything forbidden has been logged since it was last looked for, or stands in `also`.
pub fn check(also: &str) {
    let lines = LINES.lock().unwrap();
    let mut told = None;
    for (secret, looked) in FORBIDDEN.lock().unwrap().iter_mut() {
        // A line that was half written then may end in it now.
        let from = looked.saturating_sub(secret.len());
        if memchr::memmem::find(&lines[from..], secret.as_bytes()).is_some() || also.contains(secret.as_str()) {
            told = Some(secret.clone());
        }
        *looked = lines.len();
    }
    drop(lines);
    assert!(told.is_none(), "{told:?} was told");
}
