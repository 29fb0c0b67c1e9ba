//! JSON text that grows piece by piece, and is read only once to know when it is whole.

/// A text that is to become an object, a list or a string. (A number may always go on, so it is never whole.)
#[derive(Debug, Default)]
pub(super) struct Growing {
    text: String,
    /// How far it has been read.
    read: usize,
    /// How many brackets are open.
    depth: usize,
    string: bool,
    /// The next byte of the string is escaped.
    escaped: bool,
    state: State,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Nothing but white space so far.
    #[default]
    Empty,
    Begun,
    Whole,
    /// It will never be JSON.
    Broken,
}

impl Growing {
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn push_str(&mut self, more: &str) {
        self.text.push_str(more);
    }

    /// Whether the text so far is JSON, and all of it.
    pub(super) fn is_json(&mut self) -> bool {
        while let Some(byte) = self.text.as_bytes().get(self.read) {
            let ends = self.take(*byte);
            self.read += 1;
            if ends {
                let whole = self.text.get(..self.read).unwrap_or_default();
                let checked = serde_json::from_str::<serde::de::IgnoredAny>(whole).is_ok();
                self.state = if checked { State::Whole } else { State::Broken };
            }
            if self.state == State::Broken {
                return false;
            }
        }
        self.state == State::Whole
    }

    /// Takes in one byte; true if the value ends with it.
    fn take(&mut self, byte: u8) -> bool {
        if self.string {
            let quote = byte == b'"' && !self.escaped;
            self.escaped = byte == b'\\' && !self.escaped;
            self.string = !quote;
            return quote && self.depth == 0;
        }
        match (self.state, byte) {
            (_, b' ' | b'\t' | b'\n' | b'\r') => {}
            (State::Whole | State::Broken, _) => self.state = State::Broken,
            (_, b'"') => {
                self.string = true;
                self.state = State::Begun;
            }
            (_, b'{' | b'[') => {
                self.depth += 1;
                self.state = State::Begun;
            }
            (State::Begun, b'}' | b']') => {
                self.depth = self.depth.saturating_sub(1);
                return self.depth == 0;
            }
            (State::Empty, _) => self.state = State::Broken,
            (State::Begun, _) => {}
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn grown(pieces: &[&str]) -> Vec<bool> {
        let mut growing = Growing::default();
        pieces
            .iter()
            .map(|piece| {
                growing.push_str(piece);
                growing.is_json()
            })
            .collect()
    }

    #[test]
    fn a_text_is_whole_where_its_value_ends_and_nowhere_else() {
        assert_eq!(
            grown(&["", " {", "\"a\":\"}\\\"\"", "}", " \n", "x", "}"]),
            [false, false, false, true, true, false, false]
        );
        assert_eq!(grown(&["[", "{}", "]", "{}"]), [false, false, true, false]);
        assert_eq!(grown(&["\"a\\", "\"\"", ","]), [false, true, false]);
        assert_eq!(grown(&["{a}", "{}"]), [false, false]);
        assert_eq!(grown(&["7", " "]), [false, false]);
        assert_eq!(grown(&["}", "{}"]), [false, false]);
    }

    proptest! {
        #[test]
        fn it_says_what_a_parser_says(text in "[ {}\\[\\]\",:a1\\\\]{0,12}", cut in 0_usize..12) {
            let object = text.trim_start().starts_with(['{', '[', '"']);
            let whole = object && serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
            let (head, tail) = text.split_at(cut.min(text.len()));
            prop_assert_eq!(grown(&[head, tail])[1], whole);
        }
    }
}
