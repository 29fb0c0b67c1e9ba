//! A client that hangs up: the backend is told at once, whatever it is doing.

use std::time::{Duration, Instant};

use crate::support::says::{self, Act};
use crate::support::{Fake, Gateway, Step, chunked};

/// How long the backend went on after the client had hung up.
async fn goes_on_after(steps: Vec<Step>, stream: bool) -> Duration {
    let fake = Fake::start(steps).await;
    let mut gateway = Gateway::to(&fake, "responses").await;
    let connection =
        gateway.client().begin("POST", "/v1/responses", says::request("responses", stream).as_bytes()).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let left = Instant::now();
    drop(connection);
    for _ in 0..200 {
        if let Some(gone) = fake.only().gone {
            assert_eq!(gateway.next_finished().await.outcome, "client_gone");
            return gone.duration_since(left);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the backend was never told");
}

#[tokio::test]
async fn the_backend_sees_it_within_250_ms() {
    let begun = chunked(says::frames("responses", Act::Text)[0].as_bytes(), false);
    let plain_begun = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{".to_vec();
    let cases = [
        ("before the first byte, plain", vec![Step::Hang], false),
        ("before the first byte, stream", vec![Step::Hang], true),
        ("inside a plain answer", vec![Step::Write(plain_begun), Step::Hang], false),
        ("in the silence of a stream", vec![Step::Write(begun), Step::Hang], true),
        ("after the head of a stream", vec![Step::Write(chunked(b"", false)), Step::Hang], true),
    ];
    for (when, steps, stream) in cases {
        let took = goes_on_after(steps, stream).await;
        assert!(took < Duration::from_millis(250), "{when}: {took:?}");
    }
}
