//! Room for connections: as many open files as the system allows, and a word when the config may need more of them.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises this process's limit to what it may be raised to. What comes back is what to say when that is too low for so many
/// clients: a request in flight takes two files, one to its client and one to its backend.
pub(super) fn make_room(clients: usize) -> Option<String> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    too_few(if raised.is_ok() { maximum } else { current }, clients as u64 * 2)
}

fn too_few(allowed: Option<u64>, needed: u64) -> Option<String> {
    let allowed = allowed.filter(|allowed| *allowed < needed)?;
    Some(format!(
        "{allowed} files may be open at a time, and `limits.connections` may need {needed}: raise the limit (LimitNOFILE, \
         ulimit -n), or lower that"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_few_files_for_the_clients_that_may_come_are_named() {
        assert_eq!(too_few(None, 20_000), None);
        assert_eq!(too_few(Some(20_000), 20_000), None);
        let said = too_few(Some(1_024), 20_000).unwrap();
        assert!(said.starts_with("1024 files may be open at a time") && said.contains("need 20000"), "{said}");
    }

    #[test]
    fn the_limit_is_raised_to_what_is_allowed() {
        make_room(1);
        let limit = getrlimit(Resource::Nofile);
        assert_eq!(limit.current, limit.maximum);
    }
}
