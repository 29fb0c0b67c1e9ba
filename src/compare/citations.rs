//! What the answer cites, in whatever order and form: not every wire format has citations, and where there are none agents
//! write links into their text.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Basis, Differences, Facts, Finding, Gate, Layer, Measure, Observed, Said, Settings, both_spoke, mentions};

/// One cites what the other does not.
pub(super) struct Citations;

impl Measure for Citations {
    fn facts(&self) -> &'static Facts {
        const {
            &Facts {
                name: "citations",
                about: "the same sources are cited",
                layer: Layer::Structure,
                basis: Basis::Noise,
                gate: Gate::at(0.02),
            }
        }
    }

    fn compare(&self, left: &Observed, right: &Observed, settings: &Settings) -> Finding {
        if !both_spoke(left, right) {
            return Finding::not_applicable();
        }
        let mut differences = Differences::new(self.name(), settings);
        let (before, now) = (sources(left), sources(right));
        differences.sets("citation", &before, &now);
        differences.finding_or_absent(before.is_empty() && now.is_empty())
    }
}

/// What is cited, and the links in the text.
fn sources(side: &Observed) -> BTreeSet<String> {
    let links = mentions::links(&side.text()).into_iter().filter(|link| link.starts_with("http"));
    links.chain(cited(side)).collect()
}

/// What is cited: by its address, or whatever else names it.
pub(super) fn cited(side: &Observed) -> BTreeSet<String> {
    let citations = side.items.iter().flat_map(|item| match item {
        Said::Message { citations, .. } => citations.as_slice(),
        _ => &[],
    });
    let name = |citation: &Value| {
        let keys = ["url", "file_id", "doc_uri", "filename", "title"];
        let named = keys.iter().find_map(|key| citation.get(key).and_then(Value::as_str));
        named.map_or_else(|| citation.to_string(), str::to_owned)
    };
    citations.map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Outcome;
    use super::*;

    fn side(text: &str, cited: &[&str]) -> Observed {
        let citations = cited.iter().map(|url| serde_json::json!({"type": "url_citation", "url": url})).collect();
        Observed { items: vec![Said::Message { text: text.into(), citations }], ..Observed::default() }
    }

    #[test]
    fn a_source_is_the_same_as_a_link_in_the_text_and_as_a_citation() {
        let found = |left: &Observed, right: &Observed| Citations.compare(left, right, &Settings::default()).outcome;
        let linked = side("See https://a.example/x. Write to me@a.example.", &[]);
        assert_eq!(found(&linked, &side("See there.", &["https://a.example/x"])), Outcome::Same);
        assert_eq!(found(&linked, &side("See https://a.example/x", &["https://a.example/x"])), Outcome::Same);
        assert_eq!(found(&linked, &side("See there.", &["https://b.example/"])), Outcome::Different);
        assert_eq!(found(&linked, &side("See there.", &[])), Outcome::Different);
        assert_eq!(found(&side("No.", &[]), &side("No!", &[])), Outcome::Absent);
    }
}
