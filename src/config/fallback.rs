//! A route's `fallback`: another backend that answers when the one of the split does not.

use std::time::Duration;

use super::backend::Declared;
use super::node::Node;
use super::route::Share;
use super::split;

/// Who answers in place of a backend that failed, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fallback {
    /// The backend's place in [`Config::backends`](super::Config::backends).
    pub to: usize,
    /// After which failures.
    pub on: On,
    /// A stream is held back until its first real event, so that a backend that fails before it can be replaced; for so
    /// long at most. None: its head goes to the client at once.
    pub hold: Option<Duration>,
    /// Whether requests that name a conversation may go elsewhere.
    pub conversations: Conversations,
}

/// The failures after which another backend is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct On {
    /// What cannot have begun: no connection, no token, turned away, no room, a breaker that is open.
    pub connect: bool,
    /// Whatever the client would see as a 5xx: the agent may have acted before it failed.
    pub server_error: bool,
    /// The backend asked to slow down.
    pub too_many: bool,
    /// Nothing came in time: the agent may still be acting.
    pub first_byte: bool,
}

/// What a fallback does with a request that names its conversation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Conversations {
    /// It goes like any other: it carries its history.
    #[default]
    Move,
    /// It stays: the agent keeps what was said before, and no other knows it.
    Stay,
}

/// How long a stream is held unless the file says otherwise.
const HOLD: Duration = Duration::from_secs(10);

const CHOICES: &str = "such as `{ to: legacy, on: [ connect, 5xx, 429, first_byte ] }`";

const ON: [(&str, On); 4] = [
    ("connect", On { connect: true, ..On::NEVER }),
    ("5xx", On { server_error: true, ..On::NEVER }),
    ("429", On { too_many: true, ..On::NEVER }),
    ("first_byte", On { first_byte: true, ..On::NEVER }),
];

impl On {
    const NEVER: Self = Self { connect: false, server_error: false, too_many: false, first_byte: false };

    fn and(self, other: Self) -> Self {
        Self {
            connect: self.connect || other.connect,
            server_error: self.server_error || other.server_error,
            too_many: self.too_many || other.too_many,
            first_byte: self.first_byte || other.first_byte,
        }
    }

    /// The words that the file has for it.
    pub(super) fn words(self) -> Vec<&'static str> {
        ON.iter().filter(|(_, word)| self.and(*word) == self).map(|(name, _)| *name).collect()
    }

    fn read(node: &Node<'_>) -> Option<Self> {
        let items = node.items("a list of failures such as `[ connect, 5xx, 429, first_byte ]`")?;
        if items.is_empty() {
            return node
                .problem("is empty, so nothing would ever go there; write `[ connect ]`, or remove the fallback");
        }
        let read: Vec<_> = items.iter().map(|item| item.word("failure", &ON)).collect();
        read.into_iter().try_fold(Self::NEVER, |all, one| Some(all.and(one?)))
    }
}

impl Fallback {
    /// Reads a fallback; `backends` and `split` are none if they could not be read themselves.
    pub(super) fn read(node: &Node<'_>, backends: Option<&[Declared<'_>]>, split: Option<&[Share]>) -> Option<Self> {
        let fields = node.fields(&["to", "on", "hold", "hold_for", "conversations"])?;
        let to = fields.required("to", "the name of a backend, such as `to: legacy`").and_then(|node| {
            let name = node.text("the name of a backend")?;
            let to = split::find(node, &name.value, backends?)?;
            match split? {
                [only] if only.backend == to => node.problem(format!(
                    "is the only backend of this route's split, and so its own fallback; name another one, {CHOICES}"
                )),
                _ => Some(to),
            }
        });
        let safe = On { connect: true, ..On::NEVER };
        let on = fields.or("on", safe, On::read);
        let holds = fields.or("hold", false, |node| node.word("event", &[("first_event", true)]));
        let hold_for = fields.or("hold_for", HOLD, Node::deadline);
        if let (Some(node), Some(false)) = (fields.optional("hold_for"), holds) {
            return node.problem("says how long a stream is held, and none is; write `hold: first_event` beside it");
        }
        let words = [("move", Conversations::Move), ("stay", Conversations::Stay)];
        let conversations = fields.or("conversations", Conversations::default(), |node| node.word("choice", &words));
        let hold = hold_for.filter(|_| holds == Some(true));
        Some(Self { to: to?, on: on?, hold: holds.map(|_| hold)?, conversations: conversations? })
    }
}
