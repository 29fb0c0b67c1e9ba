//! What the file's contract knows and this version does not do: refused by name, so that nothing is silently ignored.

/// Where it would stand; `*` is any name or place. When one of these is built, its line goes.
const LATER: &[&str] = &[
    "listen.admin.tls",
    "routes.*.match.body",
    "routes.*.match.caller",
    "routes.*.match.header",
    "routes.*.rollout",
    "routes.*.sticky.*.fingerprint",
];

/// The answer for a key or a word at this place, if it belongs to a later version.
pub(super) fn refusal(shape: &str, word: &str) -> Option<String> {
    let place = if shape.is_empty() { word.to_owned() } else { format!("{shape}.{word}") };
    LATER.contains(&place.as_str()).then(|| format!("`{word}` is not supported by this version yet; remove it"))
}
