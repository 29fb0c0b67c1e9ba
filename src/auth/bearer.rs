//! The token of an `Authorization` header: `Bearer <token>`, or `Basic` with the user `token` and a PAT as its password.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use zeroize::Zeroizing;

use super::pat::{digest, hex};

/// Longest token that is looked at; the longest real ones are a few KiB.
const LONGEST: usize = 16 << 10;

/// A token as it was presented. It has no `Debug`, and is wiped when dropped.
pub struct Token {
    text: Zeroizing<String>,
    digest: [u8; 32],
}

impl Token {
    /// The only token of a request.
    ///
    /// # Errors
    /// What to send instead; the text repeats nothing.
    pub(super) fn of_request(headers: &HeaderMap) -> Result<Self, &'static str> {
        let mut given = headers.get_all(AUTHORIZATION).iter();
        let (header, more) = (given.next(), given.next());
        let header = header.ok_or("no credentials: send `Authorization: Bearer <token>`")?;
        if more.is_some() {
            return Err("more than one `Authorization` header");
        }
        Self::of_header(header).ok_or("`Authorization` must be `Bearer <token>`, or `Basic` with the user `token`")
    }

    /// The token of a header.
    #[must_use]
    pub fn of_header(header: &HeaderValue) -> Option<Self> {
        // The scheme is case-insensitive (RFC 9110, 11.1).
        let (scheme, rest) = header.to_str().ok()?.split_once(' ')?;
        let rest = rest.trim();
        if rest.is_empty() || rest.len() > LONGEST {
            return None;
        }
        if scheme.eq_ignore_ascii_case("bearer") {
            return Some(Self::new(rest));
        }
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let decoded = Zeroizing::new(STANDARD.decode(rest).ok()?);
        let password = std::str::from_utf8(&decoded).ok()?.strip_prefix("token:")?;
        (!password.is_empty()).then(|| Self::new(password))
    }

    fn new(text: &str) -> Self {
        Self { text: Zeroizing::new(text.to_owned()), digest: digest(text) }
    }

    /// The token itself; never log what this returns.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// Its SHA-256.
    #[must_use]
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// Enough of its digest to find it again in a log, and nothing of the token.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        hex(&self.digest).chars().take(12).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(header: &str) -> Option<String> {
        Token::of_header(&header.parse().unwrap()).map(|token| token.expose().to_owned())
    }

    #[test]
    fn bearer_and_basic_carry_tokens() {
        for header in ["Bearer dapi1", "bearer  dapi1 ", "Basic dG9rZW46ZGFwaTE=", "BASIC dG9rZW46ZGFwaTE="] {
            assert_eq!(token(header).as_deref(), Some("dapi1"), "{header}");
        }
        // `user:dapi1`, `token:`, and what is not base64.
        for header in ["Bearer", "Bearer ", "dapi1", "Basic dXNlcjpkYXBpMQ==", "Basic dG9rZW46", "Basic ?", "Digest x"]
        {
            assert_eq!(token(header), None, "{header}");
        }
        assert_eq!(token(&format!("Bearer {}", "x".repeat(LONGEST + 1))), None);
    }
}
