//! Requests: whatever a client sends is read or refused; what a backend is sent is JSON that its own dialect reads alike.

use cutover::dialect::{self, Dialect, Responses, Target};
use cutover::ir::{Body, Request};

use super::{client, is_alike, is_object};

/// The first byte is the client's dialect.
pub fn check(data: &[u8]) {
    let Some((from, bytes)) = data.split_first() else { return };
    let from = client(*from);
    let Ok(body) = Body::parse(bytes) else { return };
    let Ok(request) = from.read_request(&body) else { return };
    let settings = Responses::echo(&request);
    assert!(is_object(settings.as_bytes()), "settings are JSON: {settings}");
    for backend in dialect::BACKENDS {
        let alike = backend.name() == from.name();
        let Some(sent) = write(&request, *backend, alike) else { continue };
        let known = dialect::ALL.iter().any(|client| client.name() == backend.name());
        if known && alike {
            again(*backend, &sent);
        }
    }
}

/// What a backend is sent: JSON in which nothing is named twice.
fn write(request: &Request<'_>, backend: &dyn Dialect, alike: bool) -> Option<Vec<u8>> {
    let stream = request.stream || backend.always_streams();
    let target = Target { stream, alike, number: 1, ..Target::default() };
    let (sent, dropped) = dialect::write(request, backend, &target).ok()?;
    assert!(dropped.names().iter().all(|name| name.is_ascii() && !name.contains(['\r', '\n', ','])));
    assert!(is_object(&sent));
    let text = String::from_utf8_lossy(&sent);
    assert!(Body::parse(&sent).is_ok(), "{} is sent what nobody reads: {text}", backend.name());
    Some(sent)
}

/// What is written for a server of the client's own dialect, read as that server's client and written again, says the same:
/// escapes pass as they came (`\/`) where nobody has to look at a text.
fn again(dialect: &dyn Dialect, sent: &[u8]) {
    let text = String::from_utf8_lossy(sent);
    let body = Body::parse(sent).unwrap();
    let request = dialect.read_request(&body).unwrap_or_else(|error| panic!("{error} in {text}"));
    let twice = write(&request, dialect, true).unwrap_or_else(|| panic!("it is refused the second time: {text}"));
    if !is_alike(&twice, sent) {
        assert_eq!(String::from_utf8_lossy(&twice), text, "{}", dialect.name());
    }
}
