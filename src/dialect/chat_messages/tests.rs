//! What the chat dialects' tables and the reading of answers promise, whatever the dialect.

use crate::dialect::{ChatAgent, ChatCompletions, ChatModel, Dialect, SplitChatMessages};
use crate::ir::{Carry, Field};

const DIALECTS: &[&dyn Dialect] = &[&ChatCompletions, &ChatAgent, &ChatModel, &SplitChatMessages];

#[test]
fn every_field_has_one_row_in_every_table() {
    for dialect in DIALECTS {
        for field in Field::ALL {
            let rows = dialect.fields().iter().filter(|(known, _)| known == field).count();
            assert_eq!(rows, 1, "{field:?} in {}", dialect.name());
        }
    }
}

#[test]
fn every_reason_completes_the_sentence_it_stands_in() {
    for (_, carry) in DIALECTS.iter().flat_map(|dialect| dialect.fields()) {
        if let Carry::Refused(why) | Carry::Dropped(why) = carry {
            assert!(why.starts_with(char::is_lowercase) && !why.ends_with('.'), "{why}");
        }
    }
}
