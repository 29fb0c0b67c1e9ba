//! What keeps one conversation on one backend: the sticky key of a request, and the ids that we mint.

use http::HeaderMap;
use xxhash_rust::xxh3::xxh3_64;

use crate::ir::Body;

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
const HEADERS: &[&str] = &["x-conversation-id", "x-session-id", "session_id"];

/// Longest key that is used; a longer one is not a conversation id.
const LONGEST: usize = 1024;

/// The places of a route's sticky key, in order.
#[derive(Debug)]
pub struct Sticky {
    places: Vec<Place>,
}

#[derive(Debug)]
enum Place {
    Path(String),
    Header(String),
}

impl Sticky {
    /// The places a config lists (body paths, or `header:NAME`), or the default ones.
    #[must_use]
    pub fn new(listed: Option<&[String]>) -> Self {
        let place = |text: &String| match text.strip_prefix("header:") {
            Some(name) => Place::Header(name.to_ascii_lowercase()),
            None => Place::Path(text.clone()),
        };
        let places = match listed {
            Some(listed) => listed.iter().map(place).collect(),
            None => {
                let paths = PATHS.iter().map(|path| Place::Path((*path).to_owned()));
                paths.chain(HEADERS.iter().map(|name| Place::Header((*name).to_owned()))).collect()
            }
        };
        Self { places }
    }

    /// The key of a request: the first place that has one.
    #[must_use]
    pub fn key(&self, body: &Body<'_>, headers: &HeaderMap) -> Option<String> {
        self.places
            .iter()
            .find_map(|place| match place {
                Place::Path(path) => body.scalar_at(path).map(|text| text.to_string()),
                Place::Header(name) => {
                    headers.get(name)?.to_str().ok().filter(|text| !text.is_empty()).map(str::to_owned)
                }
            })
            .filter(|key| key.len() <= LONGEST)
    }
}

/// Every path in a body that may name a conversation: those that a route lists, and the usual ones whatever it lists.
pub fn state_places(listed: Option<&[String]>) -> impl Iterator<Item = String> {
    let listed = listed.unwrap_or_default().iter().filter(|place| !place.starts_with("header:")).cloned();
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
    use super::*;

    fn key(sticky: &Sticky, body: &str, header: Option<(&'static str, &'static str)>) -> Option<String> {
        let mut headers = HeaderMap::new();
        if let Some((name, value)) = header {
            headers.insert(name, value.parse().unwrap());
        }
        sticky.key(&Body::parse(body.as_bytes()).unwrap(), &headers)
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
