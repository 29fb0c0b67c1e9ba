//! The known word that was probably meant by a misspelt one.

/// Longest word that is compared; no known word comes near it.
const LONGEST: usize = 40;

/// The nearest of the known words, if it is near enough to be meant.
#[must_use]
pub fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    if word.len() > LONGEST {
        return None;
    }
    let scored = known.into_iter().map(|known| (distance(&word.to_lowercase(), known), known));
    let (distance, best) = scored.min_by_key(|(distance, _)| *distance)?;
    // A third of the word may be wrong: `dialct` means `dialect`, `foo` means nothing known.
    (distance <= best.chars().count().div_ceil(3).min(3)).then_some(best)
}

/// How many letters must be inserted, removed or replaced to make `b` of `a` (Levenshtein), row by row.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (place, letter) in a.chars().enumerate() {
        let mut last = place + 1;
        let mut next = vec![last];
        for (other, (corner, above)) in b.chars().zip(row.iter().zip(row.iter().skip(1))) {
            last = (corner + usize::from(letter != other)).min(above + 1).min(last + 1);
            next.push(last);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_understood() {
        let known = ["responses", "chat_completions", "chat_agent", "chat_model"];
        for (word, meant) in [
            ("respones", Some("responses")),
            ("Responses", Some("responses")),
            ("chatagent", Some("chat_agent")),
            ("chat-agent", Some("chat_agent")),
            ("grpc", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, known), meant, "{word}");
        }
    }

    #[test]
    fn distance_counts_letters() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", ""), 3);
        assert_eq!(distance("äbc", "abc"), 1);
    }
}
