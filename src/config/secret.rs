//! A secret value: it cannot be printed, and is wiped from memory when dropped.

use std::path::PathBuf;

use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::interpolate;
use super::watched::Watched;

/// A token or password from the config. It has no `Debug`, and so has nothing that holds one.
#[derive(Clone)]
pub struct Secret {
    value: Zeroizing<String>,
    /// Where it stands, if it is all that stands there.
    file: Option<PathBuf>,
}

impl Secret {
    /// Takes a value in.
    pub fn new(value: impl Into<Zeroizing<String>>) -> Self {
        Self { value: value.into(), file: None }
    }

    /// The value itself; never log what this returns.
    pub fn expose(&self) -> &str {
        &self.value
    }

    /// Says which file it stands in.
    #[must_use]
    pub(super) fn in_file(self, file: Option<PathBuf>) -> Self {
        Self { file, ..self }
    }

    /// Whether a value is one word that can stand in a header.
    pub(super) fn is_plain(value: &str) -> bool {
        !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_graphic())
    }

    /// What `make` makes of it, now and whenever its file has changed.
    ///
    /// # Errors
    /// What `make` says.
    pub fn watch<T>(
        &self,
        make: impl Fn(&Self) -> Result<T, String> + Send + Sync + 'static,
    ) -> Result<Watched<T>, String> {
        let secret = self.clone();
        Watched::open(self.file.iter().cloned().collect(), move || make(&secret.again()?))
    }

    fn again(&self) -> Result<Self, String> {
        let Some(file) = &self.file else { return Ok(self.clone()) };
        let value = interpolate::secret_file(file)?;
        // Files that are being written are empty for a moment.
        if !Self::is_plain(&value) {
            return Err("the file does not hold one secret and nothing else".into());
        }
        Ok(Self { value, file: self.file.clone() })
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        bool::from(self.value.as_bytes().ct_eq(other.value.as_bytes())) && self.file == other.file
    }
}

impl Eq for Secret {}
