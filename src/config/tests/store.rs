//! Where things are kept.

use std::path::PathBuf;

use super::*;

fn store(written: &str) -> Store {
    good(&format!("{WHOLE}store: {written}\n")).store
}

fn problem(written: &str) -> String {
    only_problem(&format!("{WHOLE}store: {written}\n"))
}

#[test]
fn the_store_is_a_file_beside_the_config_unless_it_says_otherwise() {
    let sqlite = |path: &str| Store::Sqlite(PathBuf::from(path));
    assert_eq!(good(WHOLE).store, sqlite("config/cutover.db"));
    assert_eq!(store("sqlite:kept.db"), sqlite("config/kept.db"));
    assert_eq!(store("sqlite:/var/lib/cutover/cutover.db"), sqlite("/var/lib/cutover/cutover.db"));
    assert_eq!(store("none"), Store::None);
}

#[test]
fn a_store_that_cannot_be_is_refused_without_its_password() {
    let postgres = problem("postgres://cutover:s3cret@db/cutover");
    assert_eq!(
        postgres,
        "7: store: PostgreSQL is not supported by this version yet; write `sqlite:PATH`, such as `sqlite:cutover.db`, or \
         `none`"
    );
    for written in ["mysql://u:s3cret@db", "'sqlite:'", "sqlite://cutover.db", "cutover.db"] {
        let problem = problem(written);
        assert!(problem.contains("write `sqlite:PATH`") && !problem.contains("s3cret"), "{problem}");
    }
}
