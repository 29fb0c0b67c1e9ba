//! What the store promises: whole or not at all, nobody waits who does not want to, and the gateway lives without it.

use std::path::PathBuf;
use std::sync::mpsc;

use rusqlite::Connection;

use super::migrations::STEPS;
use super::*;
use crate::telemetry::Metrics;

/// A folder of one test, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("cutover-store-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("cutover.db")
    }

    fn store(&self) -> Store {
        Store::start(&config::Store::Sqlite(self.file()), gauges()).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn gauges() -> StoreGauges {
    Metrics::new().unwrap().live.store.clone()
}

fn change(route: &str, weights: Option<&str>, why: &str) -> Change {
    Change {
        route: route.into(),
        weights: weights.map(Into::into),
        file: "legacy=95 app=5".into(),
        who: "oncall".into(),
        why: why.into(),
        at: 1_700_000_000_000,
    }
}

async fn set(store: &Store, weights: Option<&str>, why: &str) -> Option<Entry> {
    let change = change("support", weights, why);
    store.ask(move |kept| kept.change_weights(&change)).await.unwrap()
}

async fn overrides(store: &Store) -> Result<Vec<Override>, Unkept> {
    store.ask(|kept| kept.overrides()).await
}

/// Waits for something that another thread is about to do.
async fn until(mut is_so: impl FnMut() -> bool) {
    for _ in 0..1_000 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not within 10 s");
}

#[tokio::test]
async fn weights_and_their_audit_trail_outlive_the_process() {
    let folder = Folder::new("outlive");
    let store = folder.store();
    assert_eq!(set(&store, None, "nothing there").await, None);
    let first = set(&store, Some("legacy=50 app=50"), "ramp").await.unwrap();
    assert_eq!((first.before.as_str(), first.after.as_str()), ("legacy=95 app=5", "legacy=50 app=50"));
    let second = set(&store, Some("legacy=100 app=0"), "errors").await.unwrap();
    assert_eq!((second.before.as_str(), second.action.as_str()), ("legacy=50 app=50", "weights.set"));
    assert!(second.id > first.id);
    drop(store);

    let store = folder.store();
    let kept = overrides(&store).await.unwrap();
    assert_eq!((kept.len(), kept[0].weights.as_str(), kept[0].entry), (1, "legacy=100 app=0", second.id));
    let third = set(&store, None, "over").await.unwrap();
    assert_eq!((third.action.as_str(), third.before.as_str()), ("weights.clear", "legacy=100 app=0"));
    assert_eq!(third.after, "legacy=95 app=5");
    assert_eq!(overrides(&store).await.unwrap(), []);
    let of = |subject: Option<&'static str>| store.ask(move |kept| kept.entries(subject, 2));
    assert_eq!(of(Some("support")).await.unwrap(), [third.clone(), second.clone()]);
    assert_eq!(of(None).await.unwrap(), [third, second]);
    assert_eq!(of(Some("other")).await.unwrap(), []);
}

#[tokio::test]
async fn a_change_that_fails_half_way_has_changed_nothing() {
    let folder = Folder::new("half");
    let store = folder.store();
    let failed = store
        .ask(|kept| {
            kept.change_weights(&change("support", Some("app=100"), ""))?;
            Err::<(), _>(Fault::new("half way"))
        })
        .await;
    assert_eq!(failed, Err(Unkept::Failed(Fault::new("half way"))));
    assert_eq!(overrides(&store).await.unwrap(), []);
    assert_eq!(store.ask(|kept| kept.entries(None, 10)).await.unwrap(), []);
}

#[tokio::test]
async fn a_store_that_cannot_be_opened_is_said_and_found_again() {
    let folder = Folder::new("missing");
    let inner = folder.0.join("inner");
    let path = inner.join("cutover.db");
    let store = Store::start(&config::Store::Sqlite(path), gauges()).unwrap();
    let refused = overrides(&store).await.unwrap_err();
    assert!(refused.to_string().contains("its folder does not exist"), "{refused}");
    assert!(!store.is_well());
    store.tell(|kept| kept.add_entry(&Entry::default()).map(drop));
    until(|| store.gauges.lost.get() == 1).await;
    std::fs::create_dir(&inner).unwrap();
    until(|| store.is_well()).await;
    assert_eq!(overrides(&store).await.unwrap(), []);
}

#[tokio::test]
async fn a_store_whose_file_was_removed_makes_a_new_one_instead_of_writing_to_nowhere() {
    let folder = Folder::new("removed");
    let store = folder.store();
    set(&store, Some("app=100"), "").await;
    for entry in std::fs::read_dir(&folder.0).unwrap() {
        std::fs::remove_file(entry.unwrap().path()).unwrap();
    }
    assert_eq!(overrides(&store).await.unwrap(), []);
    set(&store, Some("app=100"), "again").await;
    drop(store);
    assert_eq!(overrides(&folder.store()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_locked_store_refuses_in_time_and_recovers() {
    let folder = Folder::new("locked");
    let store = folder.store();
    set(&store, Some("app=100"), "").await;
    let other = Connection::open(folder.file()).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let refused = store.ask(|kept| kept.change_weights(&change("support", None, ""))).await.unwrap_err();
    assert!(refused.to_string().contains("locked"), "{refused}");
    assert!(!store.is_well());
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(overrides(&store).await.unwrap().len(), 1, "what was refused was not done");
    assert!(store.is_well());
}

#[tokio::test]
async fn a_full_store_refuses_keeps_what_it_has_and_counts_what_it_loses() {
    let folder = Folder::new("full");
    set(&folder.store(), Some("app=100"), "").await;
    let file = folder.file();
    let open = move || {
        let sqlite = Sqlite::open(&file)?;
        // As a full disk does it: hardly a page more than there are.
        let pages: i64 = sqlite.connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
        sqlite.connection.pragma_update(None, "max_page_count", pages + 2)?;
        Ok(Box::new(sqlite) as Box<dyn Kept>)
    };
    let store = Store::with(Box::new(open), gauges()).unwrap();
    let wide = || Entry { why: "x".repeat(100_000), ..Entry::default() };
    let refused = store.ask(move |kept| kept.add_entry(&wide())).await.unwrap_err();
    assert!(refused.to_string().contains("full"), "{refused}");
    assert!(!store.is_well());
    store.tell(move |kept| kept.add_entry(&wide()).map(drop));
    until(|| store.gauges.lost.get() == 1).await;
    assert_eq!(overrides(&store).await.unwrap().len(), 1);
    assert!(store.is_well(), "what has room is kept again");
    assert_eq!(store.ask(|kept| kept.entries(None, 10)).await.unwrap().len(), 1);
}

#[tokio::test]
async fn nobody_waits_for_a_store_that_hangs_and_losses_are_counted() {
    let folder = Folder::new("hangs");
    let store = folder.store();
    let (go, going) = mpsc::channel::<()>();
    let (started, begun) = oneshot::channel();
    let hang = tokio::spawn({
        let store = store.clone();
        async move {
            store
                .ask(move |_| {
                    let _ = started.send(());
                    going.recv().map_err(|error| Fault::new(error.to_string()))
                })
                .await
        }
    });
    begun.await.unwrap();
    let before = std::time::Instant::now();
    for _ in 0..QUEUE + 100 {
        store.tell(|kept| kept.add_entry(&Entry::default()).map(drop));
    }
    assert!(before.elapsed() < Duration::from_secs(2), "telling took {:?}", before.elapsed());
    let lost = store.gauges.lost.get();
    assert_eq!(lost, 100);
    assert_eq!(overrides(&store).await.unwrap_err(), Unkept::Busy);
    go.send(()).unwrap();
    hang.await.unwrap().unwrap();
    until(|| store.gauges.waiting.get() == 0).await;
    let kept = store.ask(|kept| kept.entries(None, 10_000)).await.unwrap().len() as u64;
    assert_eq!(kept + store.gauges.lost.get(), QUEUE as u64 + 100, "kept or counted, nothing else");
}

#[tokio::test]
async fn without_a_store_nothing_is_kept_and_whoever_asks_is_told() {
    let store = Store::start(&config::Store::None, gauges()).unwrap();
    store.tell(|kept| kept.add_entry(&Entry::default()).map(drop));
    assert_eq!(overrides(&store).await, Err(Unkept::NoStore));
    assert!(store.is_well() && store.gauges.lost.get() == 0);
}

#[test]
fn every_older_version_becomes_what_a_new_store_is() {
    let folder = Folder::new("versions");
    let tables = |path: &PathBuf| -> Vec<(String, String)> {
        let connection = Connection::open(path).unwrap();
        let mut query =
            connection.prepare("SELECT name, sql FROM sqlite_master WHERE sql NOT NULL ORDER BY 1").unwrap();
        query.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().collect::<Result<_, _>>().unwrap()
    };
    let fresh = folder.0.join("fresh.db");
    Sqlite::open(&fresh).unwrap();
    for older in 0..=STEPS.len() {
        let path = folder.0.join(format!("{older}.db"));
        let connection = Connection::open(&path).unwrap();
        for sql in STEPS.iter().take(older) {
            connection.execute_batch(sql).unwrap();
        }
        connection.pragma_update(None, "user_version", i64::try_from(older).unwrap()).unwrap();
        if older >= 1 {
            connection
                .execute_batch(
                    "INSERT INTO weight_overrides VALUES ('support', 'legacy=50 app=50', 'oncall', 'ramp', 17, 4);
                     INSERT INTO audit VALUES (4, 17, 'oncall', 'weights.set', 'support', 'legacy=95 app=5',
                                               'legacy=50 app=50', 'ramp');",
                )
                .unwrap();
        }
        drop(connection);
        let mut store = Sqlite::open(&path).unwrap();
        assert_eq!(tables(&path), tables(&fresh), "from version {older}");
        // What was kept then is still understood.
        assert_eq!(store.overrides().unwrap().len(), usize::from(older >= 1), "from version {older}");
        assert_eq!(store.entries(Some("support"), 10).unwrap().len(), usize::from(older >= 1));
    }
}

#[test]
fn a_store_of_a_newer_version_or_of_something_else_is_left_alone() {
    let folder = Folder::new("newer");
    Connection::open(folder.file()).unwrap().pragma_update(None, "user_version", 1_000).unwrap();
    let refused = Sqlite::open(&folder.file()).err().unwrap().to_string();
    assert!(refused.contains("newer cutover") && refused.contains("1000"), "{refused}");
    let text = folder.0.join("notes.txt");
    std::fs::write(&text, "no database, and longer than its header would be: ".repeat(10)).unwrap();
    assert!(Sqlite::open(&text).err().unwrap().to_string().contains("notes.txt"));
    assert!(std::fs::read_to_string(&text).unwrap().starts_with("no database"));
}

#[test]
fn nobody_else_on_the_machine_reads_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new("mode");
    let mut store = Sqlite::open(&folder.file()).unwrap();
    store.add_entry(&Entry::default()).unwrap();
    for entry in std::fs::read_dir(&folder.0).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o077, 0, "{:?}", entry.path());
    }
}
