//! What is wrong with a config, with the line and the path of each mistake.

use std::fmt;

/// One mistake, or one warning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The line in the file, from 1; none where the mistake is that something is missing from the whole file.
    pub line: Option<usize>,
    /// Where in the file, such as `backends.app.dialect` or `routes[0].split`; empty for the whole file.
    pub path: String,
    /// What is wrong, and what to write instead.
    pub message: String,
}

impl Problem {
    /// The problem as one line that names the file: `cutover.yaml:12: backends.app.dialect: ...`.
    #[must_use]
    pub fn in_file(&self, file: &str) -> String {
        let line = self.line.map(|line| format!(":{line}")).unwrap_or_default();
        let path = if self.path.is_empty() { String::new() } else { format!(": {}", self.path) };
        format!("{file}{line}{path}: {}", self.message)
    }
}

/// All mistakes of one config, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems {
    file: String,
    all: Vec<Problem>,
}

impl Problems {
    /// The problems of a text that has no file name yet, sorted by line.
    pub(super) fn new(mut all: Vec<Problem>) -> Self {
        all.sort_by_key(|problem| problem.line);
        Self { file: "config".into(), all }
    }

    /// One problem with the file as a whole.
    pub(super) fn of_file(message: String) -> Self {
        Self::new(vec![Problem { line: None, path: String::new(), message }])
    }

    /// The same problems, of the file with this name.
    #[must_use]
    pub(super) fn named(self, file: &str) -> Self {
        Self { file: file.into(), ..self }
    }

    /// Every problem, in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.all.iter()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<_> = self.all.iter().map(|problem| problem.in_file(&self.file)).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for Problems {}
