//! Paths of endpoints, such as `/api/v1/routes/{route}/weights`.

use percent_encoding::percent_decode_str;

/// What stands in a path, by name.
pub(super) type Params = Vec<(&'static str, String)>;

/// A path with names for what stands in it.
pub(super) struct Path(pub(super) &'static str);

impl Path {
    /// What stands in a path, if it is one of these.
    pub(super) fn read(&self, path: &str) -> Option<Params> {
        let (mut ours, mut theirs) = (self.0.split('/'), path.split('/'));
        let mut params = Vec::new();
        loop {
            match (ours.next(), theirs.next()) {
                (None, None) => return Some(params),
                (Some(ours), Some(theirs)) => match name(ours) {
                    Some(name) if !theirs.is_empty() => {
                        params.push((name, percent_decode_str(theirs).decode_utf8().ok()?.into_owned()));
                    }
                    None if ours == theirs => {}
                    _ => return None,
                },
                _ => return None,
            }
        }
    }

    /// The names, in order.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.0.split('/').filter_map(name)
    }
}

fn name(segment: &'static str) -> Option<&'static str> {
    segment.strip_prefix('{')?.strip_suffix('}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_segments_are_read_and_nothing_is_normalised() {
        let path = Path("/api/v1/routes/{route}/weights");
        assert_eq!(path.names().collect::<Vec<_>>(), ["route"]);
        assert_eq!(path.read("/api/v1/routes/support/weights"), Some(vec![("route", "support".to_owned())]));
        assert_eq!(path.read("/api/v1/routes/a%20b/weights"), Some(vec![("route", "a b".to_owned())]));
        for other in [
            "/api/v1/routes//weights",
            "/api/v1/routes/support/weights/",
            "/api/v1/routes/support",
            "//api/v1/routes/support/weights",
            "/api/v1/routes/a/b/weights",
            "/api/v1/routes/%ff/weights",
            "/API/v1/routes/support/weights",
        ] {
            assert_eq!(path.read(other), None, "{other}");
        }
    }
}
