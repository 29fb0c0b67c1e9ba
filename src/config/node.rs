//! A tolerant reader of the tree: it hands out what is right, notes what is wrong, and always goes on.
//!
//! Readers return `None` if and only if a problem has been noted, so that `?` skips what cannot be read and the caller
//! goes on with the next thing.

use std::cell::RefCell;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::PathBuf;
use std::time::Duration;

use zeroize::Zeroizing;

use super::interpolate::{self, Source};
use super::later;
use super::nearest::nearest;
use super::problem::Problem;
use super::tree::{Data, Key, Yaml};
use super::units;

/// Longest piece of the file that a message repeats.
const LONGEST_QUOTE: usize = 60;

/// Longest name; names become labels of metrics.
const LONGEST_NAME: usize = 64;

/// What one pass over a file needs and gathers.
pub(super) struct Pass<'a> {
    source: Source<'a>,
    problems: RefCell<Vec<Problem>>,
    warnings: RefCell<Vec<Problem>>,
}

impl<'a> Pass<'a> {
    pub(super) fn new(source: Source<'a>) -> Self {
        Self { source, problems: RefCell::default(), warnings: RefCell::default() }
    }

    /// Ends the pass: problems, then warnings.
    pub(super) fn end(self) -> (Vec<Problem>, Vec<Problem>) {
        (self.problems.into_inner(), self.warnings.into_inner())
    }
}

/// A place in the file.
#[derive(Clone)]
pub(super) struct Node<'a> {
    pass: &'a Pass<'a>,
    yaml: &'a Yaml,
    /// None for the file as a whole: what is missing there has no line.
    line: Option<usize>,
    /// Such as `routes[0].split.app`.
    path: String,
    /// The path without names and places, such as `routes.*.split.*`.
    shape: String,
}

/// A text with what was written for it, which is what messages may repeat: the text may hold a secret.
pub(super) struct Text {
    pub(super) value: Zeroizing<String>,
    pub(super) written: String,
    /// It stands in the file itself, without a reference.
    pub(super) literal: bool,
    /// The file that it stands in, alone.
    pub(super) file: Option<PathBuf>,
}

impl<'a> Node<'a> {
    pub(super) fn root(pass: &'a Pass<'a>, yaml: &'a Yaml) -> Self {
        Self { pass, yaml, line: None, path: String::new(), shape: String::new() }
    }

    fn child(&self, yaml: &'a Yaml, step: &str, kind: &str) -> Self {
        let below = |path: &str, step: &str| match (path.is_empty(), step.starts_with('[')) {
            (true, _) | (_, true) => format!("{path}{step}"),
            _ => format!("{path}.{step}"),
        };
        let (path, shape) = (below(&self.path, step), below(&self.shape, kind));
        Self { pass: self.pass, yaml, line: Some(yaml.line), path, shape }
    }

    /// The place in words, for a message about another one.
    pub(super) fn place(&self) -> String {
        self.line.map_or_else(|| self.path.clone(), |line| format!("{} on line {line}", self.path))
    }

    /// Notes a mistake; `None`, for the caller to return.
    pub(super) fn problem<T>(&self, message: impl Into<String>) -> Option<T> {
        self.note(self.line, "", message.into());
        None
    }

    /// Notes what is allowed and probably not meant.
    pub(super) fn warn(&self, message: impl Into<String>) {
        let problem = Problem { line: self.line, path: self.path.clone(), message: message.into() };
        self.pass.warnings.borrow_mut().push(problem);
    }

    fn note(&self, line: Option<usize>, key: &str, message: String) {
        let dot = if key.is_empty() || self.path.is_empty() { "" } else { "." };
        let path = format!("{}{dot}{}", self.path, quote(key));
        self.pass.problems.borrow_mut().push(Problem { line, path, message });
    }

    /// Notes that something else was wanted here. A text in its place is not repeated: where a list of tokens is
    /// wanted, it is likely to be a token.
    pub(super) fn unwanted<T>(&self, wanted: &str) -> Option<T> {
        let found = match &self.yaml.data {
            Data::Null => "nothing",
            Data::Scalar(_) => "a text",
            Data::List(_) => "a list",
            Data::Map(_) => "a mapping",
        };
        self.problem(format!("found {found}, wanted {wanted}"))
    }

    pub(super) fn is_map(&self) -> bool {
        matches!(self.yaml.data, Data::Map(_))
    }

    pub(super) fn is_list(&self) -> bool {
        matches!(self.yaml.data, Data::List(_))
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self.yaml.data, Data::Null)
    }

    /// A mapping with known keys. Unknown ones are refused, those of a later version by name.
    pub(super) fn fields(&self, known: &[&'a str]) -> Option<Fields<'a>> {
        let Data::Map(entries) = &self.yaml.data else {
            return self.unwanted(&format!("a mapping with {}", listed(known)));
        };
        let mut fields = Fields { node: self.clone(), known: Vec::new(), refused: false, meant: Vec::new() };
        for (key, value) in self.distinct(entries) {
            if known.contains(&key.text.as_str()) {
                fields.known.push((&key.text, self.child(value, &key.text, &key.text)));
                continue;
            }
            let meant = nearest(&key.text, known.iter().copied());
            let message = later::refusal(&self.shape, &key.text).unwrap_or_else(|| {
                let hint = match meant {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => format!("the keys here are {}", listed(known)),
                };
                format!("unknown key `{}`; {hint}", quote(&key.text))
            });
            self.note(Some(key.line), &key.text, message);
            fields.refused = true;
            fields.meant.extend(meant);
        }
        Some(fields)
    }

    /// A mapping whose keys are names that the file chooses. An entry with a bad name is noted and left out.
    pub(super) fn entries(&self, wanted: &str) -> Option<Vec<(String, Self)>> {
        let Data::Map(entries) = &self.yaml.data else { return self.unwanted(wanted) };
        if entries.is_empty() {
            return self.problem(format!("is empty; write {wanted}"));
        }
        let named = |(key, value): (&'a Key, &'a Yaml)| {
            let name = quote(&key.text);
            let node = self.child(value, &name, "*");
            if !is_name(&key.text) {
                self.note(Some(key.line), &key.text, bad_name());
                return None;
            }
            Some((key.text.clone(), node))
        };
        Some(self.distinct(entries).into_iter().filter_map(named).collect())
    }

    /// The entries without those whose key came before.
    fn distinct(&self, entries: &'a [(Key, Yaml)]) -> Vec<(&'a Key, &'a Yaml)> {
        let mut seen = HashMap::new();
        let mut distinct = Vec::new();
        for (key, value) in entries {
            match seen.entry(key.text.as_str()) {
                Entry::Vacant(free) => {
                    free.insert(key.line);
                    distinct.push((key, value));
                }
                Entry::Occupied(taken) => {
                    let message = format!("is a duplicate of line {}; remove one of them", taken.get());
                    self.note(Some(key.line), &key.text, message);
                }
            }
        }
        distinct
    }

    /// A list, which may be empty.
    pub(super) fn items(&self, wanted: &str) -> Option<Vec<Self>> {
        let Data::List(items) = &self.yaml.data else { return self.unwanted(wanted) };
        Some(items.iter().enumerate().map(|(place, item)| self.child(item, &format!("[{place}]"), "*")).collect())
    }

    /// A text that is not empty, with references filled in.
    pub(super) fn text(&self, wanted: &str) -> Option<Text> {
        let Data::Scalar(written) = &self.yaml.data else { return self.unwanted(wanted) };
        match self.pass.source.fill(written) {
            Err(message) => self.problem(message),
            Ok(value) if value.is_empty() => self.problem(format!("is empty; write {wanted}")),
            Ok(value) => {
                let file = self.pass.source.only_file(written);
                Some(Text { value, written: quote(written), literal: !written.contains("${"), file })
            }
        }
    }

    /// A text that `read` understands.
    pub(super) fn parsed<T>(&self, wanted: &str, read: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let text = self.text(wanted)?;
        read(&text.value).or_else(|| self.problem(format!("`{}` is not {wanted}", text.written)))
    }

    /// A list of texts, or one alone.
    pub(super) fn texts(&self, wanted: &str) -> Option<Vec<String>> {
        let text = |node: &Self| Some(node.text(wanted)?.value.to_string());
        if !self.is_list() {
            return Some(vec![text(self)?]);
        }
        let items = self.items(wanted)?;
        if items.is_empty() {
            return self.problem(format!("is empty; write {wanted}"));
        }
        items.iter().map(text).collect::<Vec<_>>().into_iter().collect()
    }

    /// A path from the folder of the config.
    pub(super) fn beside(&self, path: &str) -> PathBuf {
        self.pass.source.folder.join(path)
    }

    /// The path of a file, from the folder of the config.
    pub(super) fn path(&self, wanted: &str) -> Option<PathBuf> {
        Some(self.beside(self.text(wanted)?.value.as_str()))
    }

    /// What a file holds.
    pub(super) fn file(&self, wanted: &str, largest: u64) -> Option<Vec<u8>> {
        let path = self.path(wanted)?;
        match interpolate::read_file(&path, largest) {
            Ok(bytes) => Some(bytes),
            Err(error) => self.problem(format!("cannot be read: {error}")),
        }
    }

    /// `true` or `false`.
    pub(super) fn flag(&self) -> Option<bool> {
        self.parsed("`true` or `false`", |text| text.parse().ok())
    }

    /// A size over zero.
    pub(super) fn size(&self) -> Option<usize> {
        let wanted = "a size such as `64KiB` or `16MiB`, over zero and at most `1GiB`";
        self.parsed(wanted, |text| units::size(text).filter(|size| *size > 0))
    }

    /// A duration, which may be zero.
    pub(super) fn duration(&self) -> Option<Duration> {
        self.parsed("a duration such as `500ms`, `10s`, `2m` or `1h`, at most `24h`", units::duration)
    }

    /// A duration over zero: a deadline of zero would fail every request.
    pub(super) fn deadline(&self) -> Option<Duration> {
        let duration = self.duration()?;
        if duration.is_zero() { self.problem("must be over zero; write `10s`, say") } else { Some(duration) }
    }

    /// A name that may become a label.
    pub(super) fn name(&self) -> Option<String> {
        let text = self.text("a name")?;
        if is_name(&text.value) { Some(text.value.to_string()) } else { self.problem(bad_name()) }
    }

    /// Refuses a word that only a later version knows.
    pub(super) fn refuse_later(&self, word: &str) -> Option<()> {
        let written = matches!(&self.yaml.data, Data::Scalar(text) if text == word);
        match later::refusal(&self.shape, word) {
            Some(refusal) if written => self.problem(refusal),
            _ => Some(()),
        }
    }

    /// One of some words.
    pub(super) fn word<T: Copy>(&self, what: &str, words: &[(&str, T)]) -> Option<T> {
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let wanted = format!("one of {}", known.join(", "));
        let text = self.text(&wanted)?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text.value.as_str()) {
            return Some(*value);
        }
        // The value may have come from a variable; no message may tell what it is.
        if let Some(refusal) = later::refusal(&self.shape, &text.written) {
            return self.problem(refusal);
        }
        let meant = nearest(&text.written, known.iter().copied());
        let hint = meant.map(|meant| format!(" (did you mean `{meant}`?)")).unwrap_or_default();
        self.problem(format!("unknown {what} `{}`; write {wanted}{hint}", text.written))
    }
}

/// The fields of a mapping.
pub(super) struct Fields<'a> {
    node: Node<'a>,
    known: Vec<(&'a str, Node<'a>)>,
    /// An unknown key has been noted.
    refused: bool,
    /// The known keys that were offered in place of unknown ones.
    meant: Vec<&'a str>,
}

impl<'a> Fields<'a> {
    /// A field that may be left out.
    pub(super) fn optional(&self, key: &str) -> Option<&Node<'a>> {
        self.known.iter().find(|(name, _)| *name == key).map(|(_, node)| node)
    }

    /// A field that may be left out, read; `default` if it is.
    pub(super) fn or<T>(&self, key: &str, default: T, read: impl FnOnce(&Node<'a>) -> Option<T>) -> Option<T> {
        self.optional(key).map_or(Some(default), read)
    }

    /// A field that must be there; `write` says what to write if it is not.
    pub(super) fn required(&self, key: &str, write: &str) -> Option<&Node<'a>> {
        let found = self.optional(key);
        // A misspelt key is one mistake, not two.
        if found.is_none() && !self.meant.contains(&key) {
            self.node.note(self.node.line, key, format!("is missing; write {write}"));
        }
        found
    }

    /// The field of a mapping in which it is the one choice that there is.
    pub(super) fn choice(&self, key: &str, write: &str) -> Option<&Node<'a>> {
        // Another choice has been refused already; that this one is missing is no second mistake.
        if self.refused { self.optional(key) } else { self.required(key, write) }
    }
}

fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    !text.is_empty() && text.len() <= LONGEST_NAME && text.bytes().all(plain)
}

fn bad_name() -> String {
    format!("a name is 1 to {LONGEST_NAME} letters, digits, `.`, `_` or `-`; it becomes a label of metrics")
}

/// A piece of the file for a message: one line, not too long.
fn quote(text: &str) -> String {
    let mut quoted = String::new();
    for letter in text.chars().take(LONGEST_QUOTE) {
        if letter.is_control() { quoted.extend(letter.escape_default()) } else { quoted.push(letter) }
    }
    if text.chars().nth(LONGEST_QUOTE).is_some() {
        quoted.push('…');
    }
    quoted
}

/// `a, b and c`.
fn listed(words: &[&str]) -> String {
    let quoted: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((end, rest)) if !rest.is_empty() => format!("{} and {end}", rest.join(", ")),
        _ => quoted.concat(),
    }
}
