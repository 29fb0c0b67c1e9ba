//! A secret value: it cannot be printed by accident and is wiped from memory when dropped.

use std::fmt;

use zeroize::Zeroizing;

/// A token or password from the config.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a value in.
    pub fn new(value: impl Into<Zeroizing<String>>) -> Self {
        Self(value.into())
    }

    /// The value itself; never log what this returns.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_never_shows_the_value() {
        let secret = Secret::new("dapi-1234".to_owned());
        assert_eq!(format!("{secret:?}"), "Secret(..)");
        assert_eq!(secret.expose(), "dapi-1234");
    }
}
