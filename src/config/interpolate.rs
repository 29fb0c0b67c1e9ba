//! `${env:NAME}` and `${file:PATH}` in a text.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// Longest file that is taken in; secrets are short, and a wrong path may lead anywhere.
const LONGEST_FILE: u64 = 64 << 10;

/// Where variables and files come from.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    /// The folder that paths start from.
    pub(super) folder: &'a Path,
    /// The variables.
    pub(super) env: &'a dyn Fn(&str) -> Option<String>,
}

impl Source<'_> {
    /// The text with every reference replaced. Problems name the variable or file, never a value.
    pub(super) fn fill(&self, written: &str) -> Result<Zeroizing<String>, String> {
        let mut filled = Zeroizing::new(String::with_capacity(written.len()));
        let mut rest = written;
        while let Some((before, after)) = rest.split_once("${") {
            let (reference, after) = after.split_once('}').ok_or("`${` has no `}`")?;
            filled.push_str(before);
            filled.push_str(&self.value(reference)?);
            rest = after;
        }
        filled.push_str(rest);
        Ok(filled)
    }

    fn value(&self, reference: &str) -> Result<Zeroizing<String>, String> {
        match reference.split_once(':') {
            Some(("env", name)) => self.variable(name),
            Some(("file", path)) => self.file(path),
            _ => Err("unknown `${...}`; write ${env:NAME} or ${file:PATH}".into()),
        }
    }

    fn variable(&self, name: &str) -> Result<Zeroizing<String>, String> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if name.is_empty() || !name.bytes().all(plain) {
            return Err("the name in `${env:...}` must be letters, digits and `_`".into());
        }
        let value = (self.env)(name).map(Zeroizing::new);
        value.ok_or_else(|| format!("the environment variable {name} is not set"))
    }

    fn file(&self, path: &str) -> Result<Zeroizing<String>, String> {
        secret_file(&self.folder.join(path)).map_err(|error| format!("the file {path} {error}"))
    }

    /// The file that a text stands in, if the text is a reference to it and nothing else.
    pub(super) fn only_file(&self, written: &str) -> Option<PathBuf> {
        let path = written.strip_prefix("${file:")?.strip_suffix('}')?;
        (!path.contains('}')).then(|| self.folder.join(path))
    }
}

/// The secret in a file.
pub(super) fn secret_file(path: &Path) -> Result<Zeroizing<String>, String> {
    let mut text = Zeroizing::new(String::new());
    File::open(path)
        .and_then(|file| file.take(LONGEST_FILE + 1).read_to_string(&mut text))
        .map_err(|error| format!("cannot be read: {error}"))?;
    if text.len() as u64 > LONGEST_FILE {
        return Err(format!("is over {} KiB", LONGEST_FILE >> 10));
    }
    // Editors and `echo` end a file with a line break that is not part of the value.
    let end = text.trim_end_matches(['\r', '\n']).len();
    text.truncate(end);
    Ok(text)
}

/// What a file holds; a wrong path may lead anywhere, so there is an end to it.
pub(super) fn read_file(path: &Path, largest: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(largest + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > largest {
        true => Err(io::Error::other(format!("it is over {} KiB", largest >> 10))),
        false => Ok(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(written: &str) -> Result<String, String> {
        // Written once: tests run side by side, and a file that is being written again is empty for a moment.
        static FOLDER: std::sync::OnceLock<PathBuf> = std::sync::OnceLock::new();
        let env = |name: &str| (name == "HOST").then(|| "example.com".to_owned());
        let folder = FOLDER.get_or_init(|| {
            let folder = std::env::temp_dir().join(format!("cutover-interpolate-{}", std::process::id()));
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join("token"), "s3cret\r\n").unwrap();
            folder
        });
        Source { folder, env: &env }.fill(written).map(|filled| filled.to_string())
    }

    #[test]
    fn references_are_replaced_wherever_they_stand() {
        assert_eq!(fill("https://${env:HOST}/${file:token}").unwrap(), "https://example.com/s3cret");
        assert_eq!(fill("no references, $HOST and {env:HOST}").unwrap(), "no references, $HOST and {env:HOST}");
    }

    #[test]
    fn a_missing_value_is_named() {
        assert_eq!(fill("${env:PORT}").unwrap_err(), "the environment variable PORT is not set");
        assert!(fill("${file:absent}").unwrap_err().starts_with("the file absent cannot be read: "));
    }

    #[test]
    fn other_references_are_explained() {
        assert_eq!(fill("${HOST}").unwrap_err(), "unknown `${...}`; write ${env:NAME} or ${file:PATH}");
        assert_eq!(fill("${env:HOST").unwrap_err(), "`${` has no `}`");
        assert_eq!(fill("${env:}").unwrap_err(), "the name in `${env:...}` must be letters, digits and `_`");
    }

    #[test]
    fn values_are_not_read_again_for_references() {
        let env = |_: &str| Some("${env:OTHER}".to_owned());
        let source = Source { folder: Path::new(""), env: &env };
        assert_eq!(source.fill("${env:A}").unwrap().as_str(), "${env:OTHER}");
    }
}
