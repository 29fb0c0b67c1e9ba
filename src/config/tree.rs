//! YAML text as a tree in which every node knows its line.
//!
//! Scalars stay as written: a digest of digits alone is not a number until someone wants a number. Duplicate keys stay
//! too, so that whoever reads a mapping can name both. Depth and repetition by anchors are bounded: no text, however
//! made, can exhaust the stack or the memory.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span};

/// Deepest nesting; the format itself needs seven.
const DEEPEST: usize = 32;

/// Most that anchors may repeat, in bytes with [`NODE`] for each node.
const MOST_REPEATED: usize = 1 << 20;

/// What a node counts beside its text.
const NODE: usize = 16;

/// A node with its line, counted from 1.
#[derive(Clone, Debug)]
pub(super) struct Yaml {
    pub(super) line: usize,
    pub(super) data: Data,
}

/// What a node holds.
#[derive(Clone, Debug)]
pub(super) enum Data {
    /// Nothing, `~` or `null`.
    Null,
    /// Text, quoted or not.
    Scalar(String),
    /// A list.
    List(Vec<Yaml>),
    /// A mapping as written: keys may come twice.
    Map(Vec<(Key, Yaml)>),
}

/// A key with its line.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) line: usize,
    pub(super) text: String,
}

/// Why a text is no tree.
#[derive(Debug)]
pub(super) struct SyntaxError {
    pub(super) line: usize,
    pub(super) message: String,
}

/// Reads a text with one document.
pub(super) fn read(text: &str) -> Result<Yaml, SyntaxError> {
    let mut parser = Parser::new_from_str(text);
    let mut builder = Builder::default();
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| explain(text, &error))?;
        builder.take(event, span)?;
    }
    builder.root.ok_or_else(|| error(1, "the file is empty"))
}

fn error(line: usize, message: impl Into<String>) -> SyntaxError {
    SyntaxError { line, message: message.into() }
}

/// The parser's words, with a hint at the usual mistake behind them.
fn explain(text: &str, scan: &ScanError) -> SyntaxError {
    let (line, said) = (scan.marker().line(), scan.info());
    let written = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
    let hint = if written.contains("${") {
        "; inside `{ }` and `[ ]` a `${...}` must be in quotes"
    } else if written.trim_start_matches(' ').starts_with('\t') {
        "; indent with spaces, not with tabs"
    } else if written.contains(": *") || written.contains("[*") || written.contains("[ *") {
        "; a text that begins with `*` must be in quotes"
    } else if said.contains("mapping values") {
        "; look at the indentation, and put a text with `: ` in it in quotes"
    } else {
        ""
    };
    error(line, format!("this is not YAML: {said}{hint}"))
}

/// Builds the tree from the parser's events.
#[derive(Default)]
struct Builder {
    root: Option<Yaml>,
    open: Vec<Open>,
    anchors: HashMap<usize, Yaml>,
    repeated: usize,
}

/// A collection whose end has not come yet.
struct Open {
    line: usize,
    anchor: usize,
    parts: Parts,
}

enum Parts {
    List(Vec<Yaml>),
    Map { entries: Vec<(Key, Yaml)>, key: Option<Key> },
}

impl Builder {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), SyntaxError> {
        let line = span.start.line();
        match event {
            Event::Scalar(_, _, _, Some(tag))
            | Event::SequenceStart(_, Some(tag))
            | Event::MappingStart(_, Some(tag)) => {
                Err(error(line, format!("the tag `{tag}` means nothing here; remove it")))
            }
            Event::Scalar(text, style, anchor, None) => {
                let data = scalar(text.into_owned(), style);
                self.finish(Yaml { line, data }, anchor)
            }
            Event::SequenceStart(anchor, None) => self.open(line, anchor, Parts::List(Vec::new())),
            Event::MappingStart(anchor, None) => self.open(line, anchor, Parts::Map { entries: Vec::new(), key: None }),
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Alias(id) => self.repeat(line, id),
            Event::DocumentStart(_) if self.root.is_some() => {
                Err(error(line, "a second document begins here; a config is one document"))
            }
            _ => Ok(()),
        }
    }

    fn open(&mut self, line: usize, anchor: usize, parts: Parts) -> Result<(), SyntaxError> {
        if self.open.len() >= DEEPEST {
            return Err(error(line, format!("nested deeper than {DEEPEST} levels")));
        }
        // The line of a mapping or list below a key is the key's: that is where a person looks for it.
        let line = self.waiting_key().map_or(line, |key| key.line);
        self.open.push(Open { line, anchor, parts });
        Ok(())
    }

    fn waiting_key(&self) -> Option<&Key> {
        match &self.open.last()?.parts {
            Parts::Map { key, .. } => key.as_ref(),
            Parts::List(_) => None,
        }
    }

    fn close(&mut self) -> Result<(), SyntaxError> {
        let Some(Open { line, anchor, parts }) = self.open.pop() else { return Ok(()) };
        let data = match parts {
            Parts::List(items) => Data::List(items),
            Parts::Map { entries, .. } => Data::Map(entries),
        };
        self.finish(Yaml { line, data }, anchor)
    }

    /// Puts a complete node in its place.
    fn finish(&mut self, mut node: Yaml, anchor: usize) -> Result<(), SyntaxError> {
        if anchor > 0 {
            self.count(&node)?;
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut().map(|open| &mut open.parts) {
            None => self.root = Some(node),
            Some(Parts::List(items)) => items.push(node),
            Some(Parts::Map { entries, key }) => match key.take() {
                Some(key) => {
                    // The parser sees an empty value where the next key begins.
                    if matches!(node.data, Data::Null) {
                        node.line = key.line;
                    }
                    entries.push((key, node));
                }
                None => *key = Some(as_key(node)?),
            },
        }
        Ok(())
    }

    fn repeat(&mut self, line: usize, id: usize) -> Result<(), SyntaxError> {
        let Some(anchored) = self.anchors.get(&id).cloned() else {
            return Err(error(line, "this alias is inside the anchor that it repeats"));
        };
        self.count(&anchored)?;
        self.finish(Yaml { line, ..anchored }, 0)
    }

    fn count(&mut self, node: &Yaml) -> Result<(), SyntaxError> {
        self.repeated += weight(node);
        if self.repeated > MOST_REPEATED {
            return Err(error(node.line, "anchors repeat more than a config can need; write it out"));
        }
        Ok(())
    }
}

fn scalar(text: String, style: ScalarStyle) -> Data {
    let nothing = style == ScalarStyle::Plain && matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL");
    if nothing { Data::Null } else { Data::Scalar(text) }
}

fn as_key(node: Yaml) -> Result<Key, SyntaxError> {
    match node.data {
        Data::Scalar(text) => Ok(Key { line: node.line, text }),
        _ => Err(error(node.line, "a key must be a plain word")),
    }
}

/// Recursion is safe: [`DEEPEST`] bounds what is written, and [`MOST_REPEATED`] how often anchors can stack it up.
fn weight(node: &Yaml) -> usize {
    let held = match &node.data {
        Data::Null => 0,
        Data::Scalar(text) => text.len(),
        Data::List(items) => items.iter().map(weight).sum(),
        Data::Map(entries) => entries.iter().map(|(key, value)| key.text.len() + NODE + weight(value)).sum(),
    };
    NODE + held
}
