//! Plain answers: whatever a backend sends as one, it is read or refused; what is written of it says the same.

use cutover::dialect::Dialect;
use cutover::ir::{Answer, Assembler, Calls, Fragment};
use http::StatusCode;
use serde_json::Value;

use super::watched::Order;
use super::{LIMIT, ask, backend, calls, client, is_object, same};

/// The first bytes are the backend's dialect, the client's, and whether the agent's own calls are shown.
pub fn check(data: &[u8]) {
    let Some(([from, to, show], bytes)) = data.split_first_chunk() else { return };
    let (from, to, show) = (backend(*from), client(*to), *show % 2 == 1);
    let ask = ask(to, show);
    let answer = read(from, bytes, calls(&ask));
    for status in [StatusCode::BAD_REQUEST, StatusCode::TOO_MANY_REQUESTS, StatusCode::BAD_GATEWAY] {
        let error = from.read_error(status, None, bytes);
        let told: Value = serde_json::from_slice(&ask.surface.write_error(&error)).unwrap();
        assert!(told.is_object());
    }
    if answer.failure.is_some() || answer.waiting.is_some() {
        return;
    }
    let mut out = Vec::new();
    to.write_answer(&answer, &ask, &mut out);
    assert!(is_object(&out), "an answer is JSON: {}", String::from_utf8_lossy(&out));
    same::after(&answer, to, show, &read(to, &out, Calls::default()), "plain answer", &out);
}

/// The answer that a body is; it always comes to an end.
pub(super) fn read(from: &dyn Dialect, body: &[u8], calls: Calls) -> Answer {
    let mut assembler = Assembler::new("0seed0".to_owned(), 1_700_000_000, calls, 2 * LIMIT);
    let mut order = Order::default();
    let mut watch = |event: &cutover::ir::Event<'_>, answer: &Answer| order.event(event, answer);
    assembler.start(&mut watch);
    from.read_answer(body, &mut |fragment: Fragment<'_>| assembler.push(fragment, &mut watch));
    assert!(assembler.ended(), "no end of {}", String::from_utf8_lossy(body));
    assembler.into_answer()
}
