//! Ids and names as strict servers take them: any other gets a short stand-in, the same one every time.

use std::fmt::Write as _;

use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use super::Str;

/// A call id of at most `longest` characters (40 or more). A longer one is replaced by its hash, so that a call and its
/// output still find each other, in this request and in every later one, without anything being remembered. Odd
/// characters stay: no server minds them, and some agents read their own ids.
#[must_use]
pub fn call_id(id: &str, longest: usize) -> Str<'_> {
    if id.chars().nth(longest).is_none() {
        return Str::from(id);
    }
    Str::from(format!("call_{:032x}", xxh3_128(id.as_bytes())))
}

/// A tool's name of at most 64 letters, digits, `_` and `-`. Any other (`crm.find`) is replaced by a readable one that its
/// hash makes unique; in the answer the declared name that has this stand-in is put back.
#[must_use]
pub fn tool_name(name: &str) -> Str<'_> {
    const LONGEST: usize = 64;
    const HASH: usize = "_01234567".len();
    let legal = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
    if name.len() <= LONGEST && name.chars().all(legal) {
        return Str::from(name);
    }
    let letters = name.chars().take(LONGEST - HASH).map(|letter| if legal(letter) { letter } else { '_' });
    let mut stand_in: String = letters.collect();
    // Writing to a string cannot fail.
    let _ = write!(stand_in, "_{:08x}", xxh3_64(name.as_bytes()) & 0xffff_ffff);
    Str::from(stand_in)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_legal_stays() {
        assert_eq!(call_id("functions.find:0", 40), "functions.find:0");
        assert_eq!(call_id(&"é".repeat(40), 40), *"é".repeat(40));
        assert_eq!(tool_name("mcp__crm-2"), "mcp__crm-2");
        assert_eq!(tool_name(&"a".repeat(64)), *"a".repeat(64));
    }

    #[test]
    fn stand_ins_are_legal_unlike_and_always_the_same() {
        let long = |last: char| format!("{}{last}", "x".repeat(300));
        let (a, b) = (long('a'), long('b'));
        assert_ne!(call_id(&a, 64), call_id(&b, 64));
        assert_eq!(call_id(&a, 64), call_id(&a, 40));
        assert_eq!(call_id(&a, 40).len(), 37);
        let names = [tool_name("ns.fn"), tool_name("ns fn"), tool_name(&a), tool_name(&b), tool_name("größe")];
        for (place, name) in names.iter().enumerate() {
            assert_eq!(tool_name(name), *name, "legal");
            assert!(!names[..place].contains(name), "unlike");
        }
        assert!(names[0].starts_with("ns_fn_"));
    }
}
