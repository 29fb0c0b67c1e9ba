//! What a JSON Web Token says, read strictly and without believing any of it.
//!
//! Nothing in a token chooses how it is checked: the key comes from the issuer's own set, the key decides the algorithm,
//! and headers that carry or point to keys (`jwk`, `jku`, `x5c`, `x5u`) are not even read.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, IgnoredAny};

use super::{Caller, Kind};
use crate::config::{Algorithm, Oauth};

/// A token whose header could be read.
pub(super) struct Jwt<'a> {
    header: Header,
    payload: Vec<u8>,
    /// What the signature is over.
    pub(super) signed: &'a [u8],
    /// The signature.
    pub(super) signature: Vec<u8>,
}

/// A field that is there twice is refused: two readers may read two tokens.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    /// Extensions that must be understood; we understand none.
    crit: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Issued {
    iss: String,
}

/// The claims that count. Times must be JSON numbers: one of another type is not an absent one.
#[derive(Deserialize)]
pub(super) struct Claims {
    #[serde(default)]
    aud: Words,
    exp: f64,
    #[serde(default, deserialize_with = "present")]
    nbf: Option<f64>,
    #[serde(default, deserialize_with = "present", rename = "iat")]
    _iat: Option<f64>,
    sub: Option<String>,
    client_id: Option<String>,
    email: Option<String>,
    preferred_username: Option<String>,
    #[serde(default)]
    groups: Words,
    #[serde(default)]
    scope: Words,
    #[serde(default)]
    scp: Words,
}

/// A text, or a list of them; anything else has no words in it.
#[derive(Default, Deserialize)]
#[serde(untagged)]
enum Words {
    One(String),
    Many(Vec<String>),
    #[default]
    None,
    Other(IgnoredAny),
}

impl Words {
    fn list(&self) -> &[String] {
        match self {
            Self::One(word) => std::slice::from_ref(word),
            Self::Many(words) => words,
            Self::None | Self::Other(_) => &[],
        }
    }
}

/// A number, if the field is there at all: not a text, and not null.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    f64::deserialize(deserializer).map(Some)
}

fn segment<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    serde_json::from_slice(bytes).ok()
}

impl<'a> Jwt<'a> {
    /// Reads a token; `None` if it is no JWT, or one that cannot be read.
    pub(super) fn read(token: &'a str) -> Option<Self> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, payload) = signed.split_once('.')?;
        let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).ok().filter(|bytes| !bytes.is_empty());
        Some(Self {
            header: segment(&decode(header)?)?,
            payload: decode(payload)?,
            signed: signed.as_bytes(),
            signature: decode(signature)?,
        })
    }

    /// Whether it says that it is from this issuer.
    pub(super) fn claims_to_be_from(&self, issuer: &str) -> bool {
        segment::<Issued>(&self.payload).is_some_and(|issued| issued.iss == issuer)
    }

    /// The name of its key.
    pub(super) fn kid(&self) -> Option<&str> {
        self.header.kid.as_deref()
    }

    /// The algorithm and the claims, as far as they can be judged without a key.
    ///
    /// # Errors
    /// Why it cannot be valid, whatever its signature is.
    pub(super) fn judge(&self, oauth: &Oauth, now: f64) -> Result<(Algorithm, Claims), &'static str> {
        if self.header.crit.is_some() {
            return Err("it asks for an extension that is not understood");
        }
        let kind = self.header.typ.as_deref().unwrap_or("JWT").to_ascii_lowercase();
        if !matches!(kind.trim_start_matches("application/"), "jwt" | "at+jwt") {
            return Err("it is not an access token");
        }
        let algorithm = match self.header.alg.as_str() {
            "RS256" => Algorithm::Rs256,
            "ES256" => Algorithm::Es256,
            "EdDSA" => Algorithm::EdDsa,
            _ => return Err("its algorithm is not accepted"),
        };
        if !oauth.algorithms.contains(&algorithm) {
            return Err("its algorithm is not accepted");
        }
        let claims: Claims = segment(&self.payload).ok_or("its claims cannot be read")?;
        let leeway = oauth.leeway.as_secs_f64();
        if claims.exp + leeway <= now {
            return Err("it has expired");
        }
        if claims.nbf.is_some_and(|nbf| nbf - leeway > now) {
            return Err("it is not valid yet");
        }
        if !claims.aud.list().iter().any(|audience| oauth.audience.contains(audience)) {
            return Err("it is for another audience");
        }
        Ok((algorithm, claims))
    }
}

impl Claims {
    /// When it ends, in seconds since 1970.
    pub(super) fn expires(&self) -> f64 {
        self.exp
    }

    /// Who calls with it, once its signature is known to be right.
    ///
    /// # Errors
    /// When it says of nobody that they call.
    pub(super) fn caller(self) -> Result<Caller, &'static str> {
        let scopes = if matches!(self.scope, Words::None) { &self.scp } else { &self.scope };
        let scopes = scopes.list().iter().flat_map(|words| words.split_ascii_whitespace()).map(str::to_owned).collect();
        let subject = self.sub.or(self.client_id).filter(|subject| !subject.is_empty());
        Ok(Caller {
            name: subject.ok_or("it names no subject")?,
            kind: Kind::Oauth,
            email: self.email,
            username: self.preferred_username,
            groups: self.groups.list().to_vec(),
            scopes,
        })
    }
}
