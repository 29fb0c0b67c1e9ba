//! `oauth`: tokens of an OpenID provider.

use std::time::Duration;

use http::{HeaderValue, Uri};

use super::ca::CaBundle;
use super::node::Node;
use super::url;

const ISSUER: &str = "the issuer as it stands in tokens, such as `https://adb-1.azuredatabricks.net/oidc`";

const AUDIENCE: &str = "who the tokens must be for, such as `[ \"1234567890123456\" ]`";

const SCOPES: &str = "a list of scopes such as `[ all-apis ]`";

const ALGORITHMS: [(&str, Algorithm); 3] =
    [("RS256", Algorithm::Rs256), ("ES256", Algorithm::Es256), ("EdDSA", Algorithm::EdDsa)];

/// Most that clocks may differ: beyond it, an expired token would live on for long.
const MOST_LEEWAY: Duration = Duration::from_secs(300);

/// An OpenID provider whose tokens are taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Oauth {
    /// What `iss` must be, character for character.
    pub issuer: String,
    /// The issuer as a URL, below which discovery is.
    pub url: Uri,
    /// One of these must be in `aud`.
    pub audience: Vec<String>,
    /// Where the keys are, if not where discovery says.
    pub jwks_uri: Option<Uri>,
    /// The algorithms that are taken.
    pub algorithms: Vec<Algorithm>,
    /// How much clocks may differ.
    pub leeway: Duration,
    /// Scopes that every token must have.
    pub scopes: Vec<String>,
    /// The authorities that are trusted for the provider's TLS, if not the machine's.
    pub ca: Option<CaBundle>,
}

/// A signature algorithm: public-key ones only, so that no public key can ever be taken for a shared secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

impl Oauth {
    pub(super) fn read(node: &Node<'_>) -> Option<Self> {
        let keys = ["issuer", "audience", "jwks_uri", "algorithms", "leeway", "scopes", "ca"];
        let fields = node.fields(&keys)?;
        let issuer = fields.required("issuer", ISSUER).and_then(issuer);
        let audience = fields.required("audience", AUDIENCE).and_then(|node| node.texts(AUDIENCE));
        let jwks_uri = fields.or("jwks_uri", None, |node| url::read_secure(node, "a URL of keys").map(Some));
        let algorithms = fields.or("algorithms", ALGORITHMS.map(|(_, it)| it).to_vec(), algorithms);
        let leeway = fields.or("leeway", Duration::from_secs(30), leeway);
        let scopes = fields.or("scopes", Vec::new(), scopes);
        let ca = fields.or("ca", None, |node| CaBundle::read(node).map(Some));
        let (issuer, url) = issuer?;
        Some(Self {
            issuer,
            url,
            audience: audience?,
            jwks_uri: jwks_uri?,
            algorithms: algorithms?,
            leeway: leeway?,
            scopes: scopes?,
            ca: ca?,
        })
    }
}

/// A list of scopes; each can stand in a header.
pub(super) fn scopes(node: &Node<'_>) -> Option<Vec<String>> {
    let scopes = node.texts(SCOPES)?;
    let plain =
        |scope: &String| !scope.contains([' ', '"', '\\']) && scope.is_ascii() && HeaderValue::from_str(scope).is_ok();
    if scopes.iter().all(plain) { Some(scopes) } else { node.problem(format!("a scope is one word; write {SCOPES}")) }
}

fn issuer(node: &Node<'_>) -> Option<(String, Uri)> {
    let url = url::read_secure(node, ISSUER)?;
    if url.query().is_some() {
        return node.problem("has a query (`?...`), which no issuer has; remove it");
    }
    Some((node.text(ISSUER)?.value.to_string(), url))
}

fn algorithms(node: &Node<'_>) -> Option<Vec<Algorithm>> {
    let items = node.items("a list of algorithms such as `[ RS256, ES256 ]`")?;
    if items.is_empty() {
        return node.problem("is empty, so no token could be taken; write `[ RS256 ]`, say");
    }
    items.iter().map(|item| item.word("algorithm", &ALGORITHMS)).collect::<Vec<_>>().into_iter().collect()
}

fn leeway(node: &Node<'_>) -> Option<Duration> {
    let leeway = node.duration()?;
    if leeway > MOST_LEEWAY { node.problem("is more than clocks differ; write at most `5m`") } else { Some(leeway) }
}
