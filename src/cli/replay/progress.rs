//! How far a replay has come: kept beside the file, so that it goes on where it was after an interruption.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::judge::Tally;
use crate::report::{Example, Funnel};
use crate::shadow::{Compared, Fate};

/// Pairs that are kept for the report to choose from.
const EXAMPLES: usize = 200;

/// Numbers of broken lines that the summary names.
const NAMED: usize = 10;

/// What has been done of a file.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(super) struct Progress {
    /// What is replayed: another file, route or candidate is another replay.
    what: String,
    /// Every line up to here is done.
    upto: u64,
    /// Lines behind it that are done.
    beyond: BTreeSet<u64>,
    /// Lines that have been compared.
    pub(super) compared: u64,
    /// Lines that were not sent, by why.
    left: BTreeMap<String, u64>,
    /// Lines that could not be read.
    broken: u64,
    /// The first of them.
    broken_first: Vec<u64>,
    /// When the first and the last line were compared, in seconds since 1970.
    pub(super) period: Option<[i64; 2]>,
    pub(super) tally: Tally,
    examples: Vec<Example>,
    #[serde(skip)]
    path: PathBuf,
}

impl Progress {
    /// Goes on from what is kept beside the file, if that is of the same replay.
    pub(super) fn resume(path: PathBuf, what: String, restart: bool) -> Self {
        let kept =
            fs::read(&path).ok().filter(|_| !restart).and_then(|kept| serde_json::from_slice::<Self>(&kept).ok());
        let kept = kept.filter(|kept| kept.what == what);
        Self { path, ..kept.unwrap_or_else(|| Self { what, ..Self::default() }) }
    }

    /// Lines that are done.
    pub(super) fn done(&self) -> u64 {
        self.compared + self.left.values().sum::<u64>() + self.broken
    }

    /// The line up to which every line is done.
    pub(super) fn upto(&self) -> u64 {
        self.upto
    }

    /// Whether a line is done.
    pub(super) fn has(&self, line: u64) -> bool {
        line <= self.upto || self.beyond.contains(&line)
    }

    /// A line could not be read.
    pub(super) fn broken(&mut self, line: u64) {
        self.broken += 1;
        if self.broken_first.len() < NAMED {
            self.broken_first.push(line);
        }
        self.finish(line);
    }

    /// A line was not sent.
    pub(super) fn left(&mut self, line: u64, fate: Fate) {
        let why = if fate.why().is_empty() { fate.name() } else { fate.why() };
        *self.left.entry(why.to_owned()).or_default() += 1;
        self.finish(line);
    }

    /// A line has been compared.
    pub(super) fn compared(&mut self, line: u64, compared: Compared, at: i64) {
        let Compared { asked, primary, candidate, comparison, again } = compared;
        self.tally.record(&comparison, again.as_ref());
        self.tally.spend(primary.tokens, candidate.tokens);
        self.compared += 1;
        self.period = Some([self.period.map_or(at, |[first, _]| first), at]);
        if self.examples.len() < EXAMPLES && comparison.different().next().is_some() {
            let (primary, candidate) = (Some(primary), Some(candidate));
            self.examples.push(Example { id: format!("line {line}"), at, asked, primary, candidate, comparison });
        }
        self.finish(line);
    }

    fn finish(&mut self, line: u64) {
        self.beyond.insert(line);
    }

    /// Every line up to here has been read; those that are not done are still on their way.
    pub(super) fn settle(&mut self, on_their_way: impl Iterator<Item = u64>, read: u64) {
        self.upto = on_their_way.min().map_or(read, |first| first - 1).max(self.upto);
        self.beyond = self.beyond.split_off(&(self.upto + 1));
    }

    /// Keeps it beside the file.
    pub(super) fn save(&self) -> std::io::Result<()> {
        let new = self.path.with_extension("new");
        fs::write(&new, serde_json::to_vec(self)?)?;
        fs::rename(&new, &self.path)
    }

    /// Nothing is left to go on from.
    pub(super) fn forget(&self) {
        let _ = fs::remove_file(&self.path);
    }

    /// Pairs that differ.
    pub(super) fn examples(&self) -> Vec<Example> {
        self.examples.clone()
    }

    /// What became of the lines, in a sentence.
    pub(super) fn summary(&self) -> String {
        let mut text = format!("{} lines: {} compared", self.done(), self.compared);
        for (why, count) in &self.left {
            let _ = write!(text, ", {count} not sent ({why})");
        }
        if self.broken > 0 {
            let named: Vec<_> = self.broken_first.iter().map(u64::to_string).collect();
            let more = if self.broken > NAMED as u64 { ", ..." } else { "" };
            let _ = write!(text, ", {} broken (lines {}{more})", self.broken, named.join(", "));
        }
        text
    }

    /// The same for the report.
    pub(super) fn funnel(&self) -> Funnel {
        let left = self.left.iter().map(|(why, count)| (format!("not sent: {}", why.replace('_', " ")), *count));
        let broken = (self.broken > 0).then(|| ("broken lines".to_owned(), self.broken));
        Funnel { requests: self.done(), left_out: left.chain(broken).collect() }
    }

    /// Where it is kept for a file and a route.
    pub(super) fn beside(file: &Path, route: &str) -> PathBuf {
        let mut name = file.as_os_str().to_owned();
        name.push(format!(".{route}.progress"));
        name.into()
    }
}
