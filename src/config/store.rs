//! `store`: where the gateway keeps what must outlive it.

use std::path::PathBuf;

use super::node::Node;

/// The file of a store, from the config's folder, if the config does not say.
const FILE: &str = "cutover.db";

const CHOICES: &str = "`sqlite:PATH`, such as `sqlite:cutover.db`, or `none`";

/// Where things are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Store {
    /// Nowhere: weights that are set while it runs are gone when it stops.
    None,
    /// In this SQLite file.
    Sqlite(PathBuf),
}

impl Store {
    /// `sqlite:PATH` or `none`.
    pub(super) fn read(node: &Node<'_>) -> Option<Self> {
        let text = node.text(CHOICES)?;
        let text = text.value.as_str();
        if text == "none" {
            return Some(Self::None);
        }
        // What stands there may hold a password, so no message repeats it.
        if ["postgres:", "postgresql:"].iter().any(|scheme| text.starts_with(scheme)) {
            return node.problem(format!("PostgreSQL is not supported by this version yet; write {CHOICES}"));
        }
        match text.strip_prefix("sqlite:").filter(|path| !path.is_empty() && !path.starts_with("//")) {
            Some(path) => Some(Self::Sqlite(node.beside(path))),
            None => node.problem(format!("is no store that is known; write {CHOICES}")),
        }
    }

    /// What it is if the config does not say.
    pub(super) fn default_beside(node: &Node<'_>) -> Self {
        Self::Sqlite(node.beside(FILE))
    }
}
