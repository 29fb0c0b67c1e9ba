//! `pat`: personal access tokens, known by their digests.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::node::Node;
use super::workspace::Workspace;
use super::{date, interpolate};

const TOKENS: &str = "a list of tokens such as `[ { name: ci, sha256: ... } ]`";

const DIGEST: &str = "the 64 hex digits of the token's SHA-256, as `printf %s \"$TOKEN\" | sha256sum` prints them";

const DATE: &str = "the last day such as `2027-01-31`, or a time such as `2027-01-31T18:00:00Z`";

/// Most tokens of a list.
const MOST: usize = 10_000;

/// Largest file of tokens.
const LARGEST_FILE: u64 = 4 << 20;

/// How long the workspace is believed, if the file does not say.
const CACHE: Duration = Duration::from_secs(60);

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
    /// When it ends, in seconds since 1970.
    pub expires: Option<i64>,
    /// The groups that its owner is in.
    pub groups: Vec<String>,
}

/// How the tokens of callers are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pat {
    /// By these digests.
    Tokens(Vec<PatToken>),
    /// By the digests in this file, which may change.
    File(PathBuf),
    /// By asking the workspace; what it says is believed for so long.
    Workspace(Workspace, Duration),
}

impl Pat {
    /// Reads `pat`; `workspace` is what the file says of it, and none if that could not be read.
    pub(super) fn read(node: &Node<'_>, workspace: Option<&Option<Workspace>>, known: &mut Known) -> Option<Self> {
        let fields = node.fields(&["tokens", "file", "verify", "cache"])?;
        let ways = ["tokens", "file", "verify"].map(|way| fields.optional(way));
        if ways.iter().flatten().count() > 1 {
            return node.problem("write one of `tokens`, `file` and `verify`; each can be a method of its own");
        }
        let cache = fields.or("cache", CACHE, Node::deadline);
        match ways {
            [_, Some(file), _] => Self::file(file),
            [_, _, Some(verify)] => Self::workspace(verify, workspace, cache),
            _ => Some(Self::Tokens(tokens(fields.choice("tokens", TOKENS)?, known)?)),
        }
    }

    fn file(node: &Node<'_>) -> Option<Self> {
        let path = node.path("a file of tokens, such as `tokens.yaml`")?;
        match read_tokens(&path) {
            Ok(_) => Some(Self::File(path)),
            Err(problem) => node.problem(format!("the file cannot be used: {problem}")),
        }
    }

    fn workspace(node: &Node<'_>, workspace: Option<&Option<Workspace>>, cache: Option<Duration>) -> Option<Self> {
        node.word("verifier", &[("workspace", ())])?;
        match workspace? {
            Some(workspace) => Some(Self::Workspace(workspace.clone(), cache?)),
            None => node.problem("nobody can be asked; write `workspace: https://...` at the top of the file"),
        }
    }
}

/// Reads a file of tokens: a list such as `auth: pat: tokens:` holds.
///
/// # Errors
/// Its first problem, with the line. Nothing of a digest is repeated.
pub fn read_tokens(path: &Path) -> Result<Vec<PatToken>, String> {
    let text = interpolate::read_file(path, LARGEST_FILE).map_err(|error| format!("{}: {error}", path.display()))?;
    let text = String::from_utf8(text).map_err(|_| format!("{}: is not UTF-8 text", path.display()))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let read = |node: &Node<'_>| list(node, &mut Known::default());
    let read = super::resolve(&text, folder, &|_| None, read).map(|(tokens, _)| tokens);
    read.map_err(|problems| {
        problems.iter().next().map_or_else(String::new, |problem| problem.in_file(&path.display().to_string()))
    })
}

/// Tokens in the config; none at all would let nobody in.
fn tokens(node: &Node<'_>, known: &mut Known) -> Option<Vec<PatToken>> {
    let tokens = list(node, known)?;
    if tokens.is_empty() { node.problem(format!("is empty; write {TOKENS}")) } else { Some(tokens) }
}

/// Tokens in a file of their own, from which the last one may be taken.
fn list(node: &Node<'_>, known: &mut Known) -> Option<Vec<PatToken>> {
    let items = node.items(TOKENS)?;
    if items.len() > MOST {
        return node.problem(format!("has more than {MOST} tokens; let the workspace verify them, or use OAuth"));
    }
    items.iter().map(|item| token(item, known)).collect::<Vec<_>>().into_iter().collect()
}

/// Where names and digests were first seen.
#[derive(Default)]
pub(super) struct Known {
    names: HashMap<String, String>,
    digests: HashMap<[u8; 32], String>,
}

fn token(node: &Node<'_>, known: &mut Known) -> Option<PatToken> {
    let fields = node.fields(&["name", "sha256", "expires", "groups"])?;
    let name_node = fields.required("name", "whose token this is");
    let digest_node = fields.required("sha256", DIGEST);
    let name = name_node.and_then(Node::name);
    let sha256 = digest_node.and_then(digest);
    let expires = fields.or("expires", None, |node| node.parsed(DATE, date::seconds).map(Some));
    let groups = fields.or("groups", Vec::new(), |node| node.texts("a list of groups such as `[ support ]`"));
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
    Some(PatToken { name: name?, sha256: sha256?, expires: expires?, groups: groups? })
}

fn digest(node: &Node<'_>) -> Option<[u8; 32]> {
    let text = node.text(DIGEST)?;
    if DIGESTS_OF_NOTHING.contains(&text.value.to_ascii_lowercase().as_str()) {
        return node.problem("is the digest of an empty token; was the variable set when it was made?");
    }
    // What stands here is not repeated: it may be the token itself.
    from_hex(&text.value).or_else(|| node.problem(format!("is not a digest; write {DIGEST}")))
}

pub(super) fn from_hex(text: &str) -> Option<[u8; 32]> {
    let digits: Vec<u8> =
        text.chars().map(|digit| digit.to_digit(16).and_then(|digit| digit.try_into().ok())).collect::<Option<_>>()?;
    let bytes: Vec<u8> =
        digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect();
    if digits.len() == 64 { bytes.try_into().ok() } else { None }
}
