//! What keeps one conversation on one backend: the sticky key of a request, and the ids that we mint.

use std::fmt;

use http::header::{HeaderMap, HeaderName};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::Peek;
use crate::auth::Caller;
use crate::ir::{Body, Opening, Str};

/// Where a conversation id is looked for when a route does not say: every place that a client names one explicitly.
const PATHS: &[&str] = &[
    "context.conversation_id",
    "custom_inputs.thread_id",
    "custom_inputs.session_id",
    "custom_inputs.conversation_id",
    "conversation",
    "conversation.id",
];

/// The headers of the same.
const HEADERS: [HeaderName; 3] = [
    HeaderName::from_static("x-conversation-id"),
    HeaderName::from_static("x-session-id"),
    HeaderName::from_static("session_id"),
];

/// Longest key that is used; a longer one is not a conversation id.
const LONGEST: usize = 1024;

/// What stands for a conversation that its client has given no name.
const FINGERPRINT: &str = "fingerprint";

/// The places of a route's sticky key, in order.
#[derive(Debug, PartialEq, Eq)]
pub struct Sticky {
    places: Vec<Place>,
}

/// A place where the key of a conversation is looked for.
#[derive(Debug, PartialEq, Eq)]
pub enum Place {
    /// A field of the body, by its dotted path.
    Path(String),
    /// A header.
    Header(HeaderName),
    /// Who calls, and how the conversation opens.
    Fingerprint,
}

/// The key of a conversation, and where it was found.
#[derive(Debug)]
pub struct Key<'t, 'a> {
    /// The key.
    pub text: Str<'a>,
    /// Where it was found.
    pub place: &'t Place,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => f.write_str(path),
            Self::Header(name) => write!(f, "header:{name}"),
            Self::Fingerprint => f.write_str(FINGERPRINT),
        }
    }
}

impl Sticky {
    /// The places a config lists (body paths, `header:NAME`, or `fingerprint`), or the default ones.
    #[must_use]
    pub fn new(listed: Option<&[String]>) -> Self {
        let place = |text: &String| match text.strip_prefix("header:") {
            Some(name) => HeaderName::try_from(name).ok().map(Place::Header),
            None if text == FINGERPRINT => Some(Place::Fingerprint),
            None => Some(Place::Path(text.clone())),
        };
        let places = match listed {
            // The config takes no other names of headers.
            Some(listed) => listed.iter().filter_map(place).collect(),
            None => {
                let paths = PATHS.iter().map(|path| Place::Path((*path).to_owned()));
                paths.chain(HEADERS.map(Place::Header)).collect()
            }
        };
        Self { places }
    }

    /// The key of a request: the first place that has one.
    #[must_use]
    pub fn key<'t, 'a>(&'t self, peek: &Peek<'a>) -> Option<Key<'t, 'a>> {
        let found = |place: &'t Place| {
            let text = match place {
                Place::Fingerprint => fingerprint(peek.body, peek.caller).map(Str::from),
                named => named_at(named, peek.body, peek.headers).map(first_name),
            };
            text.map(|text| Key { text, place })
        };
        self.places.iter().find_map(found).filter(|key| key.text.len() <= LONGEST)
    }

    /// The name that the client has given the conversation, if it has. A fingerprint is none: conversations that open
    /// alike have the same one.
    #[must_use]
    pub fn name<'a>(&self, body: &'a Body<'a>, headers: &'a HeaderMap) -> Option<Str<'a>> {
        self.places.iter().find_map(|place| named_at(place, body, headers)).filter(|name| name.len() <= LONGEST)
    }
}

/// What a client has named at a place.
fn named_at<'a>(place: &Place, body: &'a Body<'a>, headers: &'a HeaderMap) -> Option<Str<'a>> {
    match place {
        Place::Path(path) => body.scalar_at(path),
        Place::Header(name) => headers.get(name)?.to_str().ok().filter(|text| !text.is_empty()).map(Str::from),
        Place::Fingerprint => None,
    }
}

/// The name of a conversation without what a LongRunningAgentServer adds that takes it over from one that died
/// (`c1::attempt-2`): it is the same conversation, and its backend the only one that knows it.
fn first_name(name: Str<'_>) -> Str<'_> {
    let mut first = &*name;
    while let Some((before, number)) = first.rsplit_once("::attempt-")
        && !before.is_empty()
        && !number.is_empty()
        && number.bytes().all(|byte| byte.is_ascii_digit())
    {
        first = before;
    }
    if first.len() == name.len() { name } else { Str::from(first.to_owned()) }
}

/// A hash over who calls and how the conversation opens, as far as it has opened.
fn fingerprint(body: &Body<'_>, caller: &Caller) -> Option<String> {
    let opening = Opening::of(body)?;
    let mut hash = Xxh3::new();
    // Lengths keep apart what would read alike when written together.
    let mut add = |text: &str| {
        hash.update(&text.len().to_le_bytes());
        hash.update(text.as_bytes());
    };
    add(&caller.name);
    for texts in [&opening.instructions, &opening.said] {
        add("");
        for text in texts {
            add(text);
        }
    }
    Some(format!("{:032x}", hash.digest128()))
}

/// Every path in a body that may name a conversation: those that a route lists, and the usual ones whatever it lists.
pub fn state_places(listed: Option<&[String]>) -> impl Iterator<Item = String> {
    let listed = listed
        .unwrap_or_default()
        .iter()
        .filter(|place| !place.starts_with("header:") && *place != FINGERPRINT)
        .cloned();
    PATHS.iter().map(|path| (*path).to_owned()).chain(listed)
}

/// Letters and digits of the ids we mint.
const ALPHABET: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";

/// Characters of a backend's tag.
const TAG: usize = 4;

/// Four characters that stand for a backend in the ids of its answers: opaque to clients, and the same on every replica.
#[must_use]
pub fn tag(backend: &str) -> String {
    digits(xxh3_64(backend.as_bytes())).take(TAG).collect()
}

/// The seed of an answer's ids: the backend's [`tag`] and 20 random characters. Any replica can tell from an id which
/// backend made the answer, without a store.
#[must_use]
pub fn mint_seed(backend: &str) -> String {
    tag(backend).chars().chain(digits(fastrand::u64(..)).take(10)).chain(digits(fastrand::u64(..)).take(10)).collect()
}

/// The backend's own id of an answer, out of ours; `None` for an id that is not of our making.
#[must_use]
pub fn backends_id(id: &str) -> Option<String> {
    let own = id.strip_prefix("resp_")?.get(TAG..)?;
    (!own.is_empty() && own.bytes().all(|byte| byte.is_ascii_alphanumeric())).then(|| format!("resp_{own}"))
}

fn digits(mut number: u64) -> impl Iterator<Item = char> {
    std::iter::repeat_with(move || {
        let digit = usize::try_from(number % 36).unwrap_or_default();
        number /= 36;
        ALPHABET.get(digit).map_or('0', |byte| char::from(*byte))
    })
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::auth::Kind;

    fn key(sticky: &Sticky, body: &str, header: Option<(&'static str, &'static str)>) -> Option<String> {
        let mut headers = HeaderMap::new();
        if let Some((name, value)) = header {
            headers.insert(name, value.parse().unwrap());
        }
        key_of(sticky, body, &headers, "caller")
    }

    fn key_of(sticky: &Sticky, body: &str, headers: &HeaderMap, caller: &str) -> Option<String> {
        let (body, caller) = (Body::parse(body.as_bytes()).unwrap(), Caller::named(caller, Kind::Pat));
        let peek = Peek { model: None, path: "/responses", caller: &caller, headers, body: &body, at: Instant::now() };
        sticky.key(&peek).map(|key| key.text.into_string())
    }

    #[test]
    fn a_fingerprint_is_of_one_caller_and_one_opening_in_every_dialect() {
        let sticky = Sticky::new(Some(&["user".to_owned(), "fingerprint".to_owned()]));
        let of = |body: &str, caller: &str| key_of(&sticky, body, &HeaderMap::new(), caller).unwrap();
        let first = of(r#"{"instructions":"be kind","input":"hi"}"#, "a");
        let later = r#"{"messages":[{"role":"system","content":"be kind"},{"role":"user","content":"hi"},
            {"role":"assistant","content":"yes?"},{"role":"user","content":"more"}]}"#;
        assert_eq!(of(later, "a"), first);
        assert_ne!(of(later, "b"), first);
        assert_ne!(of(r#"{"instructions":"be kindh","input":"i"}"#, "a"), first);
        assert_ne!(of(r#"{"input":"hi"}"#, "a"), first);
        assert_eq!(of(r#"{"input":"hi","user":"u"}"#, "a"), "u");
        // It keeps a conversation on its backend, and is no name that an agent may remember it by.
        let (body, headers) = (Body::parse(br#"{"input":"hi"}"#).unwrap(), HeaderMap::new());
        assert_eq!(sticky.name(&body, &headers), None);
        assert_eq!(key_of(&Sticky::new(None), r#"{"input":"hi"}"#, &HeaderMap::new(), "a"), None);
    }

    #[test]
    fn every_explicit_conversation_id_is_found() {
        let sticky = Sticky::new(None);
        for body in [
            r#"{"context":{"conversation_id":"c"}}"#,
            r#"{"custom_inputs":{"thread_id":"c"}}"#,
            r#"{"custom_inputs":{"session_id":"c"}}"#,
            r#"{"conversation":"c"}"#,
            r#"{"conversation":{"id":"c"}}"#,
        ] {
            assert_eq!(key(&sticky, body, None).as_deref(), Some("c"), "{body}");
        }
        assert_eq!(key(&sticky, "{}", Some(("x-session-id", "c"))).as_deref(), Some("c"));
        assert_eq!(key(&sticky, r#"{"user":"u","input":"hi"}"#, None), None);
    }

    #[test]
    fn a_conversation_that_was_taken_over_is_the_same_conversation() {
        let sticky = Sticky::new(None);
        for (name, first) in [
            ("c::attempt-2", "c"),
            ("c::attempt-2::attempt-13", "c"),
            ("c::attempt-", "c::attempt-"),
            ("c::attempt-2b", "c::attempt-2b"),
            ("::attempt-2", "::attempt-2"),
            ("c", "c"),
        ] {
            let body = format!(r#"{{"context":{{"conversation_id":"{name}"}}}}"#);
            assert_eq!(key(&sticky, &body, None).as_deref(), Some(first), "{name}");
            // The agent is told the name as the client has it.
            let body = Body::parse(body.as_bytes()).unwrap();
            assert_eq!(sticky.name(&body, &HeaderMap::new()).as_deref(), Some(name));
        }
    }

    #[test]
    fn a_route_names_its_own_places_in_order() {
        let sticky = Sticky::new(Some(&["custom_inputs.tenant".to_owned(), "header:X-Tenant".to_owned()]));
        assert_eq!(key(&sticky, r#"{"custom_inputs":{"tenant":7}}"#, Some(("x-tenant", "h"))).as_deref(), Some("7"));
        assert_eq!(key(&sticky, "{}", Some(("x-tenant", "h"))).as_deref(), Some("h"));
        assert_eq!(key(&sticky, r#"{"context":{"conversation_id":"c"}}"#, None), None);
    }

    #[test]
    fn seeds_are_24_characters_and_never_twice_the_same() {
        let seeds: std::collections::HashSet<_> = (0..1_000).map(|_| mint_seed("app")).collect();
        assert_eq!(seeds.len(), 1_000);
        assert!(seeds.iter().all(|seed| seed.len() == 24 && seed.starts_with(&tag("app"))));
    }
}
