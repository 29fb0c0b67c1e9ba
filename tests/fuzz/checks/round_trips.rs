//! Answers through every dialect and back, as a stream and whole: text, calls, finish and usage come through.

use bytes::BytesMut;
use cutover::dialect;
use cutover::ir::{Answer, Assembler, Calls, Event};

use super::watched::Watched;
use super::{LIMIT, answers, ask, calls, fragments, same, streams};

/// The first byte is the size of the pieces; the rest makes the answer.
pub fn check(data: &[u8]) {
    let Some((step, bytes)) = data.split_first() else { return };
    for client in dialect::ALL {
        for show in [false, true] {
            let ask = ask(*client, show);
            let mut writer = Watched::over(client.writer(&ask));
            let mut out = BytesMut::new();
            let mut assembler = Assembler::new("0seed0".to_owned(), 1_700_000_000, calls(&ask), LIMIT);
            let mut emit = |event: &Event<'_>, answer: &Answer| writer.event(event, answer, &mut out);
            assembler.start(&mut emit);
            for fragment in fragments::make(bytes) {
                assembler.push(fragment, &mut emit);
            }
            let answer = assembler.into_answer();
            assert!(answer.failure.is_none() && answer.finish.is_some());
            streams::legal(*client, &out);
            let read = streams::read(*client, &out, usize::from(*step).max(1));
            same::after(&answer, *client, show, &read, "stream", &out);
            let mut whole = Vec::new();
            client.write_answer(&answer, &ask, &mut whole);
            let read = answers::read(*client, &whole, Calls::default());
            same::after(&answer, *client, show, &read, "plain answer", &whole);
        }
    }
}
