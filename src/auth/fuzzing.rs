//! What the fuzz targets and tests reach of the parsers of tokens; it is there when they are built, and otherwise not.

use std::time::Duration;

use http::{HeaderValue, Uri};

use super::bearer::Token;
use super::jwt::Jwt;
use super::key;
use crate::config::{Algorithm, Oauth};

/// Reads bytes as an `Authorization` header, the token in it as a JWT whose claims are believed, and the bytes as a set of
/// keys.
#[expect(clippy::missing_panics_doc, reason = "that is what it is for")]
pub fn read(bytes: &[u8]) {
    let keys = key::read_set(bytes).unwrap_or_default();
    let Some(token) = HeaderValue::from_bytes(bytes).ok().as_ref().and_then(Token::of_header) else { return };
    assert!(!token.expose().is_empty() && token.fingerprint().len() == 12);
    let Some(jwt) = Jwt::read(token.expose()) else { return };
    let oauth = Oauth {
        issuer: "i".to_owned(),
        url: Uri::from_static("https://i"),
        audience: vec!["a".to_owned()],
        jwks_uri: None,
        algorithms: vec![Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa],
        leeway: Duration::from_secs(60),
        scopes: Vec::new(),
        ca: None,
    };
    let ours = jwt.claims_to_be_from(&oauth.issuer);
    let Ok((algorithm, claims)) = jwt.judge(&oauth, 0.0) else { return };
    for key in keys.iter().filter(|key| key.fits(jwt.kid(), algorithm)) {
        assert!(!(ours && key.signed(jwt.signed, &jwt.signature)), "nobody has signed it");
    }
    assert!(claims.expires() + 60.0 > 0.0, "it has expired");
    if let Ok(caller) = claims.caller() {
        assert!(!caller.name.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use proptest::prelude::*;

    fn corpus() -> Vec<PathBuf> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus/tokens");
        let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
        files.sort();
        files
    }

    #[test]
    fn the_corpus_holds() {
        assert!(corpus().len() > 3);
        for file in corpus() {
            super::read(&fs::read(file).unwrap());
        }
    }

    proptest! {
        #[test]
        fn whatever_stands_in_the_header_is_read_or_refused(
            file in prop::sample::select(corpus()),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        ) {
            let mut bytes = fs::read(file).unwrap();
            for (place, byte) in changes {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
            super::read(&bytes);
        }
    }
}
