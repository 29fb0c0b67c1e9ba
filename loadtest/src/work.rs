//! What is measured: each work with its load, and who does it.

use crate::clock::{MILLISECOND, SECOND};
use crate::peers::Task;
use crate::voice::Voice;

/// One kind of load.
#[derive(Clone, Copy, Debug)]
pub struct Work {
    /// Its name in results.
    pub name: &'static str,
    /// In words.
    pub title: &'static str,
    /// The upstream's script, behind the name of its voice.
    pub script: &'static str,
    /// Bytes of a request.
    pub request: usize,
    /// Whether a stream is asked for.
    pub stream: bool,
    /// Whether the events of its streams have their times.
    pub timed: bool,
    /// Connections.
    pub connections: usize,
    /// Requests a second; `None` for as many as are answered.
    pub rate: Option<u64>,
    /// Least nanoseconds before anything counts.
    pub warm: u64,
    /// Programs that cannot do it in reasonable time.
    pub without: &'static [&'static str],
    /// What Cutover does here; other programs do what they can.
    pub tasks: &'static [Task],
}

const CHAT: Task = Task::PASS;

/// Every caller shows a key, which is checked.
const KEYED: Task = Task { name: "checks a key, passes through", key: true, ..CHAT };

/// What a client of Chat Completions gets from an agent that speaks Responses.
pub const CHAT_TO_RESPONSES: Task = Task {
    name: "checks a key, Chat client of a Responses agent",
    agent: Voice::Responses,
    verbatim: false,
    key: true,
    ..CHAT
};

const RESPONSES_TO_CHAT: Task = Task {
    name: "checks a key, Responses client of a Chat agent",
    client: Voice::Responses,
    verbatim: false,
    key: true,
    ..CHAT
};

const CHAT_AGENT: Task = Task {
    name: "checks a key, Responses client of a ChatAgent",
    client: Voice::Responses,
    agent: Voice::ChatAgent,
    verbatim: false,
    key: true,
    ..CHAT
};

/// An AgentServer's few frames made into a legal stream.
pub const REFRAMED: Task = Task {
    name: "checks a key, re-frames an AgentServer's stream",
    client: Voice::Responses,
    agent: Voice::AgentServer,
    verbatim: false,
    key: true,
    ..CHAT
};

/// The same as translated, with a line in the log for each request.
const LOGGED: Task = Task { name: "the same, with its access log", log: true, ..CHAT_TO_RESPONSES };

/// Translated, and a tenth of the conversations mirrored.
pub const MIRROR_10: Task = Task { name: "the same, 10 % mirrored", mirror: 10, ..CHAT_TO_RESPONSES };

/// Translated, and everything mirrored.
pub const MIRROR_100: Task = Task { name: "the same, 100 % mirrored", mirror: 100, ..CHAT_TO_RESPONSES };

/// Everything on.
pub const EVERYTHING: Task = Task { name: "the same, 100 % mirrored, with its access log", log: true, ..MIRROR_100 };

/// Chat Completions in and out, read and written anew, as the other gateways do it.
pub const GATEWAY: Task = Task { name: "reads and writes Chat", verbatim: false, ..CHAT };

/// The same behind a key.
pub const KEYED_GATEWAY: Task = Task { name: "checks a key, reads and writes Chat", key: true, ..GATEWAY };

/// In the order of tables.
pub static ALL: &[Work] = &[
    Work {
        name: "plain",
        title: "Plain answers of 1 KiB to requests of 512 bytes, 64 connections, as many as are answered",
        script: "plain/1024",
        request: 512,
        stream: false,
        timed: false,
        connections: 64,
        rate: None,
        warm: SECOND,
        without: &[],
        tasks: &[CHAT, KEYED, CHAT_TO_RESPONSES, RESPONSES_TO_CHAT, CHAT_AGENT, LOGGED],
    },
    Work {
        name: "latency",
        title: "The same at 2,000 requests a second",
        script: "plain/1024",
        request: 512,
        stream: false,
        timed: false,
        connections: 64,
        rate: Some(2_000),
        warm: 500 * MILLISECOND,
        without: &["LiteLLM"],
        tasks: &[CHAT, CHAT_TO_RESPONSES],
    },
    Work {
        name: "mirror",
        title: "The same with a mirror",
        script: "plain/1024",
        request: 512,
        stream: false,
        timed: false,
        connections: 64,
        rate: Some(2_000),
        warm: 500 * MILLISECOND,
        without: &["nginx", "HAProxy", "hyper floor", "TensorZero", "LiteLLM"],
        tasks: &[CHAT_TO_RESPONSES, MIRROR_10, MIRROR_100, EVERYTHING],
    },
    Work {
        name: "large",
        title: "A history of 128 KiB, answers of 16 KiB, 16 connections, as many as are answered",
        script: "plain/16384",
        request: 128 * 1024,
        stream: false,
        timed: false,
        connections: 16,
        rate: None,
        warm: SECOND,
        without: &[],
        tasks: &[CHAT, CHAT_TO_RESPONSES, RESPONSES_TO_CHAT],
    },
    Work {
        name: "events",
        title: "200 streams at once, 50 events a second each",
        script: "stream/200/50",
        request: 512,
        stream: true,
        timed: true,
        connections: 200,
        rate: None,
        warm: 2 * SECOND,
        without: &["LiteLLM"],
        tasks: &[CHAT, REFRAMED, CHAT_TO_RESPONSES, CHAT_AGENT],
    },
    Work {
        name: "flat",
        title: "16 streams of 2,000 events, as fast as they come",
        script: "stream/2000/0",
        request: 512,
        stream: true,
        timed: false,
        connections: 16,
        rate: None,
        warm: SECOND,
        without: &[],
        tasks: &[CHAT, REFRAMED, CHAT_TO_RESPONSES, CHAT_AGENT],
    },
    Work {
        name: "silent",
        title: "2,000 open streams that have fallen silent",
        script: "silent",
        request: 512,
        stream: true,
        timed: false,
        connections: 2_000,
        rate: None,
        warm: 4 * SECOND,
        without: &["LiteLLM"],
        tasks: &[CHAT, REFRAMED],
    },
    Work {
        name: "crowd",
        title: "As plain, 4,096 connections",
        script: "plain/1024",
        request: 512,
        stream: false,
        timed: false,
        connections: 4_096,
        rate: None,
        warm: 3 * SECOND,
        without: &["LiteLLM", "TensorZero"],
        tasks: &[CHAT],
    },
];
