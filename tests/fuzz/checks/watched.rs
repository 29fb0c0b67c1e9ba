//! A writer that holds the events it is given to their contract before it writes them.

use bytes::BytesMut;
use cutover::dialect::Writer;
use cutover::ir::{Answer, Event, Piece};

/// Watches over the writer of a stream.
pub(super) struct Watched {
    writer: Box<dyn Writer>,
    order: Order,
}

/// How far an answer has come.
#[derive(Default)]
pub(super) struct Order {
    begun: bool,
    items: usize,
    open: Option<Open>,
    over: bool,
}

/// The open item, and what its deltas add up to.
#[derive(Default)]
struct Open {
    index: usize,
    text: String,
    refusal: String,
}

impl Watched {
    pub(super) fn over(writer: Box<dyn Writer>) -> Box<dyn Writer> {
        Box::new(Self { writer, order: Order::default() })
    }
}

impl Writer for Watched {
    fn event(&mut self, event: &Event<'_>, answer: &Answer, out: &mut BytesMut) {
        self.order.event(event, answer);
        self.writer.event(event, answer, out);
    }
}

impl Order {
    /// Takes in the next event.
    pub(super) fn event(&mut self, event: &Event<'_>, answer: &Answer) {
        assert!(!self.over, "{event:?} after the end");
        assert!(self.begun || matches!(event, Event::Started), "{event:?} before the start");
        match *event {
            Event::Started => assert!(!std::mem::replace(&mut self.begun, true), "it starts twice"),
            Event::ItemStarted { index } => {
                assert!(self.open.is_none(), "an item in an item");
                assert_eq!((index, index + 1), (self.items, answer.items.len()));
                self.items += 1;
                self.open = Some(Open { index, ..Open::default() });
            }
            Event::Text { index, delta } | Event::Reasoning { index, delta } | Event::Arguments { index, delta } => {
                self.open(index, delta).text.push_str(delta);
            }
            Event::Refusal { index, delta } => self.open(index, delta).refusal.push_str(delta),
            Event::Annotation { index, .. } => assert_eq!(self.open.as_ref().map(|open| open.index), Some(index)),
            Event::ItemDone { index } => {
                let open = self.open.take().expect("an item that is open");
                assert_eq!(open.index, index);
                match &answer.items[index].piece {
                    Piece::Message { text, refusal, .. } => assert_eq!((text, refusal), (&open.text, &open.refusal)),
                    Piece::Reasoning { text, .. } => assert_eq!(*text, open.text),
                    Piece::Call { call_id, name, arguments, .. } => {
                        assert_eq!(*arguments, open.text);
                        assert!(!call_id.is_empty() && !name.is_empty(), "a call without a name");
                        assert!(!arguments.is_empty() || !answer.items[index].complete, "a call without arguments");
                    }
                    Piece::CallOutput { .. } | Piece::Opaque { .. } => {}
                }
            }
            Event::Finished => {
                assert!(self.open.is_none(), "it ends inside an item");
                self.over = true;
            }
            Event::Failed(_) => self.over = true,
        }
    }

    fn open(&mut self, index: usize, delta: &str) -> &mut Open {
        assert!(!delta.is_empty(), "an empty delta");
        let open = self.open.as_mut().expect("an item that is open");
        assert_eq!(open.index, index);
        open
    }
}
