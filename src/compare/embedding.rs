//! Whether two texts mean about the same, by the angle between their embeddings.

use serde_json::{Value, json};

use super::opinion::{self, Opinion, Pair};
use super::{Basis, Differences, Facts, Finding, Gate, Layer, Measure, Observed, Settings};

/// The texts are too far apart.
pub(super) struct Embedding;

impl Measure for Embedding {
    fn facts(&self) -> &'static Facts {
        const {
            &Facts {
                name: "embedding",
                about: "the text means about the same",
                layer: Layer::Text,
                basis: Basis::Noise,
                gate: Gate::shown(0.05),
            }
        }
    }

    fn compare(&self, _left: &Observed, _right: &Observed, _settings: &Settings) -> Finding {
        Finding::not_applicable()
    }
}

impl Opinion for Embedding {
    fn ask(&self, pair: &Pair<'_>, answered: &[Value]) -> Option<Value> {
        let input = [opinion::told(pair.left), opinion::told(pair.right)];
        // Models take no empty text.
        let asks = answered.is_empty() && opinion::is_open(pair) && input.iter().all(|text| !text.trim().is_empty());
        asks.then(|| json!({"input": input}))
    }

    fn finding(&self, pair: &Pair<'_>, answered: &[Value], settings: &Settings) -> Finding {
        let Some(answer) = answered.first() else {
            let same = super::both_answered(pair.left, pair.right) && !opinion::is_open(pair);
            return if same { Finding::same() } else { Finding::not_applicable() };
        };
        let cosine = vector(answer, 0).zip(vector(answer, 1)).and_then(|(left, right)| cosine(&left, &right));
        let Some(cosine) = cosine else { return opinion::nonsense(self.name(), &answer.to_string(), settings) };
        let mut differences = Differences::new(self.name(), settings);
        if cosine < settings.closeness {
            differences.note("text", "", &format!("{:.0} % close", cosine * 100.0));
        }
        differences.finding()
    }
}

/// The embedding of one of the texts.
fn vector(answer: &Value, index: u64) -> Option<Vec<f64>> {
    let all = answer.get("data")?.as_array()?;
    let one = all.iter().find(|one| one.get("index").and_then(Value::as_u64) == Some(index))?;
    one.get("embedding")?.as_array()?.iter().map(Value::as_f64).collect()
}

/// The cosine of the angle between two vectors; none if they are of different lengths, or zero.
fn cosine(left: &[f64], right: &[f64]) -> Option<f64> {
    let product = |left: &[f64], right: &[f64]| left.iter().zip(right).map(|(left, right)| left * right).sum::<f64>();
    let cosine = product(left, right) / (product(left, left).sqrt() * product(right, right).sqrt());
    (left.len() == right.len() && cosine.is_finite()).then_some(cosine)
}

#[cfg(test)]
mod tests {
    use super::super::{Outcome, Said};
    use super::*;

    fn found(answer: &Value) -> Outcome {
        let said = |text: &str| Said::Message { text: text.into(), citations: Vec::new() };
        let side = |text: &str| Observed { items: vec![said(text)], ..Observed::default() };
        let (left, right) = (side("a"), side("b"));
        let pair = Pair { asked: "", left: &left, right: &right, swapped: false };
        assert_eq!(Embedding.ask(&pair, &[]).unwrap()["input"], json!(["a", "b"]));
        Embedding.finding(&pair, std::slice::from_ref(answer), &Settings::default()).outcome
    }

    #[test]
    fn texts_are_as_close_as_their_embeddings_whatever_the_order_in_which_they_come() {
        let vectors = |one: &[f64], other: &[f64]| json!({"data": [{"index": 1, "embedding": other}, {"index": 0, "embedding": one}]});
        assert_eq!(found(&vectors(&[1.0, 0.0], &[0.9, 0.1])), Outcome::Same);
        assert_eq!(found(&vectors(&[1.0, 0.0], &[0.1, 0.9])), Outcome::Different);
        for nonsense in [vectors(&[], &[]), vectors(&[0.0], &[1.0]), vectors(&[1.0], &[1.0, 2.0]), json!({"data": 7})] {
            assert_eq!(found(&nonsense), Outcome::NotApplicable, "{nonsense}");
        }
    }
}
