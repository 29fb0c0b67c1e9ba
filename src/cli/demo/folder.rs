//! Where the demo keeps its config and what its shadow saw, until it ends.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// A folder that is gone with the demo.
pub(super) struct Folder(PathBuf);

impl Folder {
    /// Makes it, for this process alone.
    pub(super) fn make() -> anyhow::Result<Self> {
        let path = std::env::temp_dir().join(format!("cutover-demo-{}", std::process::id()));
        // What an earlier process of this number has left.
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes the config, so that other commands find it.
    pub(super) fn write(&self, config: &str) -> anyhow::Result<PathBuf> {
        let file = self.0.join("cutover.yaml");
        fs::write(&file, config).with_context(|| format!("cannot write {}", file.display()))?;
        Ok(file)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
