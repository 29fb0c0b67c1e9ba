//! Room for connections: as many open files as the system allows, and a word when the config may need more of them, or
//! more ports than there are.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Where the system says between which ports those of connections lie that this machine opens.
const PORTS: &str = "/proc/sys/net/ipv4/ip_local_port_range";

/// Makes as much room as there can be for so many clients. What comes back is what to say when that is too little.
pub(super) fn make_room(clients: usize) -> impl Iterator<Item = String> {
    let ports = std::fs::read_to_string(PORTS).ok().and_then(|range| too_few_ports(&range, clients));
    more_files(clients).into_iter().chain(ports)
}

/// Raises this process's limit to what it may be raised to: a request in flight takes two files, one to its client and one
/// to its backend.
fn more_files(clients: usize) -> Option<String> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    too_few(if raised.is_ok() { maximum } else { current }, clients as u64 * 2)
}

/// A request in flight over HTTP/1.1 takes a port to its backend's address.
fn too_few_ports(range: &str, clients: usize) -> Option<String> {
    let mut ends = range.split_ascii_whitespace().map(str::parse::<usize>);
    let (Some(Ok(first)), Some(Ok(last))) = (ends.next(), ends.next()) else { return None };
    let ports = (last + 1).saturating_sub(first);
    (ports < clients).then(|| {
        format!(
            "{ports} connections at a time can go to one address of a backend, and `limits.connections` is {clients}: widen \
             net.ipv4.ip_local_port_range, give the backend's name more addresses, or lower that"
        )
    })
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
    fn too_few_ports_for_them_are_named() {
        assert_eq!(too_few_ports("32768\t60999\n", 28_232), None);
        assert_eq!(too_few_ports("nonsense", 28_232), None);
        let said = too_few_ports("32768\t60999\n", 40_000).unwrap();
        assert!(said.starts_with("28232 connections") && said.contains("is 40000"), "{said}");
    }

    #[test]
    fn the_limit_is_raised_to_what_is_allowed() {
        assert_eq!(make_room(1).count(), 0);
        let limit = getrlimit(Resource::Nofile);
        assert_eq!(limit.current, limit.maximum);
    }
}
