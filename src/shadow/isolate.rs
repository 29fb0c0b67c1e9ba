//! A copy's own names for what an agent keeps, so that it cannot write into a live conversation.
//!
//! Whatever names a state of the live agent's gets a prefix: every place that a conversation's key is read from, every
//! `thread_id`, `session_id` and `conversation_id` in the free-form inputs, and what the route lists beside them.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::ir::{Body, Fields, Request, Str, json};

/// Names of a state, wherever in [`FREE`] they stand.
const NAMES: [&str; 3] = ["thread_id", "session_id", "conversation_id"];

/// Fields in which an agent's own inputs stand.
const FREE: [&str; 2] = ["custom_inputs", "context"];

/// The field by which a caller finds its request again in the endpoint's tables: not a state, but not the copy's either.
const REQUEST_ID: &str = "client_request_id";

/// What a kind of copy puts before names.
#[derive(Clone, Copy, Debug)]
pub(super) struct Isolation<'p> {
    prefix: &'static str,
    /// Dotted paths to names of a state.
    places: &'p [String],
}

/// The steps that lead from here to a name.
type Paths<'s> = Vec<Vec<&'s str>>;

impl<'p> Isolation<'p> {
    pub(super) fn new(prefix: &'static str, places: &'p [String]) -> Self {
        Self { prefix, places }
    }

    /// The name that a copy has for a name.
    pub(super) fn name(&self, live: &str) -> String {
        format!("{}:{live}", self.prefix)
    }

    /// A body with names of the copy's own, and without the wish to be kept.
    pub(super) fn body(&self, body: &Body<'_>) -> String {
        let fields = body.iter().map(|(key, value)| {
            let value = match &**key {
                REQUEST_ID => Cow::Owned(self.scalar(value)),
                "store" => Cow::Borrowed("false"),
                key => self.value(value, &self.paths_below(key), FREE.contains(&key)),
            };
            format!("{}:{value}", json(&**key))
        });
        format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
    }

    /// The same for what stood elsewhere than at the body's top, as in a dataframe.
    pub(super) fn request(&self, request: &mut Request<'_>, body: &Body<'_>) {
        if body.get("custom_inputs").is_none()
            && let Some(inputs) = &mut request.custom_inputs
        {
            let renamed = self.value(inputs, &self.paths_below("custom_inputs"), true).into_owned();
            *inputs = Cow::Owned(RawValue::from_string(renamed).unwrap_or_else(|_| RawValue::NULL.to_owned()));
        }
        if body.get("context").is_none() {
            let rename = |name: &mut Option<Str<'_>>| {
                if let Some(live) = name.as_deref() {
                    *name = Some(Str::from(self.name(live)));
                }
            };
            rename(&mut request.conversation_id);
            if self.places.iter().any(|place| place == "context.user_id") {
                rename(&mut request.user_id);
            }
        }
        if body.get(REQUEST_ID).is_none()
            && let Some(live) = request.client_request_id.as_deref()
        {
            request.client_request_id = Some(Str::from(self.name(live)));
        }
    }

    /// New values of the fields that are carried by key, by their place among the parameters and then among the rest, where
    /// they stood elsewhere than at the body's top.
    pub(super) fn carried(&self, request: &Request<'_>, body: &Body<'_>) -> Vec<(usize, Box<RawValue>)> {
        let params = request.params.iter().map(|param| (param.key, param.value));
        let all = params.chain(request.rest.iter().map(|(key, value)| (&**key, *value))).enumerate();
        let renamed = |(place, (key, value)): (usize, (&str, &RawValue))| {
            if body.get(key).is_some() {
                return None;
            }
            match self.value(value, &self.paths_below(key), FREE.contains(&key)) {
                Cow::Borrowed(_) => None,
                Cow::Owned(text) => Some((place, RawValue::from_string(text).ok()?)),
            }
        };
        all.filter_map(renamed).collect()
    }

    fn paths_below(&self, key: &str) -> Paths<'p> {
        let below = |place: &'p String| {
            let mut steps = place.split('.');
            (steps.next() == Some(key)).then(|| steps.collect())
        };
        self.places.iter().filter_map(below).collect()
    }

    /// A value with the names in it replaced; `free` where names count wherever they stand.
    fn value<'v>(&self, value: &'v RawValue, paths: &Paths<'_>, free: bool) -> Cow<'v, str> {
        let text = value.get();
        let here = paths.iter().any(Vec::is_empty);
        match text.as_bytes().first() {
            Some(b'{') if free || !paths.is_empty() => {
                let Ok(fields) = serde_json::from_str::<Fields<'_>>(text) else { return Cow::Borrowed(text) };
                let fields = fields.0.iter().map(|(key, value)| {
                    let named = free && NAMES.contains(&&**key);
                    let below = below(paths, key).chain(named.then(Vec::new)).collect();
                    format!("{}:{}", json(&**key), self.value(value, &below, free))
                });
                Cow::Owned(format!("{{{}}}", fields.collect::<Vec<_>>().join(",")))
            }
            Some(b'[') if free || here => {
                let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(text) else { return Cow::Borrowed(text) };
                let each = if here { vec![Vec::new()] } else { Vec::new() };
                let items = items.into_iter().map(|item| self.value(item, &each, free));
                Cow::Owned(format!("[{}]", items.collect::<Vec<_>>().join(",")))
            }
            Some(b'{' | b'[' | b'n') | None => Cow::Borrowed(text),
            Some(_) if text == "\"\"" => Cow::Borrowed(text),
            Some(_) if here => Cow::Owned(self.scalar(value)),
            Some(_) => Cow::Borrowed(text),
        }
    }

    /// A name as a string, whatever kind of scalar it was.
    fn scalar(&self, value: &RawValue) -> String {
        let text = value.get();
        let live = serde_json::from_str::<Str<'_>>(text).unwrap_or_else(|_| Str::from(text));
        json(&self.name(&live)).get().to_owned()
    }
}

/// The paths that go on below a key.
fn below<'s>(paths: &Paths<'s>, key: &str) -> impl Iterator<Item = Vec<&'s str>> {
    paths.iter().filter_map(move |path| {
        let (first, rest) = path.split_first()?;
        (*first == key).then(|| rest.to_vec())
    })
}
