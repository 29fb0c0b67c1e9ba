//! `pat`: personal access tokens, known by their digests.

use std::collections::HashMap;

use super::auth::Method;
use super::node::Node;

const TOKENS: &str = "a list of tokens such as `[ { name: ci, sha256: ... } ]`";

const DIGEST: &str = "the 64 hex digits of the token's SHA-256, as `printf %s \"$TOKEN\" | sha256sum` prints them";

/// SHA-256 of an empty text and of a lone line break: what a variable that was not set leaves behind.
const DIGESTS_OF_NOTHING: [&str; 2] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "01ba4719c80b6fe911b091a7c05124b64eeece964e09c058ef8f9805daca546b",
];

/// A token that may call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatToken {
    /// Who it belongs to, for logs and metrics.
    pub name: String,
    /// The SHA-256 digest of the token; the token itself is not in the file.
    pub sha256: [u8; 32],
}

/// Reads `pat`.
pub(super) fn read(node: &Node<'_>, known: &mut Known) -> Option<Method> {
    let pat = node.fields(&["tokens"])?;
    let tokens = pat.choice("tokens", TOKENS)?;
    let items = tokens.items(TOKENS)?;
    if items.is_empty() {
        return tokens.problem(format!("is empty; write {TOKENS}"));
    }
    let read: Vec<_> = items.iter().map(|item| token(item, known)).collect();
    Some(Method::Pat(read.into_iter().collect::<Option<_>>()?))
}

/// Where names and digests were first seen.
#[derive(Default)]
pub(super) struct Known {
    names: HashMap<String, String>,
    digests: HashMap<[u8; 32], String>,
}

fn token(node: &Node<'_>, known: &mut Known) -> Option<PatToken> {
    let fields = node.fields(&["name", "sha256"])?;
    let name_node = fields.required("name", "whose token this is");
    let digest_node = fields.required("sha256", DIGEST);
    let name = name_node.and_then(Node::name);
    let sha256 = digest_node.and_then(digest);
    if let (Some(node), Some(name)) = (name_node, &name)
        && let Some(first) = known.names.insert(name.clone(), node.place())
    {
        node.problem::<()>(format!("the name `{name}` is taken by {first}; every token needs its own"));
    }
    if let (Some(node), Some(sha256)) = (digest_node, sha256)
        && let Some(first) = known.digests.insert(sha256, node.place())
    {
        node.problem::<()>(format!("is the same token as {first}; remove one of them"));
    }
    Some(PatToken { name: name?, sha256: sha256? })
}

fn digest(node: &Node<'_>) -> Option<[u8; 32]> {
    let text = node.text(DIGEST)?;
    if DIGESTS_OF_NOTHING.contains(&text.value.to_ascii_lowercase().as_str()) {
        return node.problem("is the digest of an empty token; was the variable set when it was made?");
    }
    // What stands here is not repeated: it may be the token itself.
    from_hex(&text.value).or_else(|| node.problem(format!("is not a digest; write {DIGEST}")))
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let digits: Vec<u8> =
        text.chars().map(|digit| digit.to_digit(16).and_then(|digit| digit.try_into().ok())).collect::<Option<_>>()?;
    let bytes: Vec<u8> =
        digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect();
    if digits.len() == 64 { bytes.try_into().ok() } else { None }
}
