//! Which links and e-mail addresses the text gives.

use std::collections::BTreeSet;

use super::{
    Basis, Differences, Facts, Finding, Gate, Layer, Measure, Observed, Settings, both_spoke, citations, mentions,
};

/// One gives a link that the other does not.
pub(super) struct TextLinks;

impl Measure for TextLinks {
    fn facts(&self) -> &'static Facts {
        const {
            &Facts {
                name: "text_links",
                about: "the text gives the same links",
                layer: Layer::Text,
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
        let (before, now) = (mentions::links(&left.text()), mentions::links(&right.text()));
        let absent = before.is_empty() && now.is_empty();
        // What the other side cites is not missing there.
        let only = |ours: &BTreeSet<String>, theirs: &BTreeSet<String>, cited: BTreeSet<String>| -> BTreeSet<String> {
            ours.iter().filter(|link| !theirs.contains(*link) && !cited.contains(*link)).cloned().collect()
        };
        let (before, now) = (only(&before, &now, citations::cited(right)), only(&now, &before, citations::cited(left)));
        differences.sets("link", &before, &now);
        differences.finding_or_absent(absent)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Outcome, Said};
    use super::*;

    #[test]
    fn a_link_may_be_a_citation_on_the_other_side() {
        let side = |text: &str, cited: &[&str]| {
            let citations = cited.iter().map(|url| serde_json::json!({"type": "url_citation", "url": url})).collect();
            Observed { items: vec![Said::Message { text: text.into(), citations }], ..Observed::default() }
        };
        let found = |left: &Observed, right: &Observed| TextLinks.compare(left, right, &Settings::default()).outcome;
        let (linked, both) =
            (side("See https://a.example/", &[]), side("See https://a.example/", &["https://a.example/"]));
        let cited = side("See there", &["https://a.example/"]);
        for (left, right) in [(&linked, &both), (&both, &linked), (&linked, &cited), (&cited, &linked), (&both, &cited)]
        {
            assert_eq!(found(left, right), Outcome::Same);
        }
        assert_eq!(found(&linked, &side("See there", &["https://b.example/"])), Outcome::Different);
        assert_eq!(found(&side("See there", &[]), &linked), Outcome::Different);
    }
}
