//! `cutover check`: is this config right, and what would it do?

use std::path::Path;
use std::process::ExitCode;

use super::{USAGE, complain, say};
use crate::config::Config;

/// Prints the effective plan, or every problem of the file.
pub(super) fn run(file: &Path) -> ExitCode {
    match Config::load(file) {
        Ok(config) => {
            for warning in &config.warnings {
                complain(format_args!("warning: {}", warning.in_file(&file.display().to_string())));
            }
            say(config.plan());
            ExitCode::SUCCESS
        }
        Err(problems) => {
            complain(problems);
            ExitCode::from(USAGE)
        }
    }
}
