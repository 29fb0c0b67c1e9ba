//! SQLite in a file: the store of a gateway that stands alone.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::{Fault, Kept, migrations};

/// How long a lock of somebody else's (a backup, another process) is waited for.
const LOCKED: Duration = Duration::from_secs(3);

/// Bytes of the write-ahead log that are left on the disk between two checkpoints.
const LOG: i64 = 8 << 20;

/// An open database.
pub(super) struct Sqlite {
    pub(super) connection: Connection,
    path: PathBuf,
    /// Which file it is.
    file: (u64, u64),
}

impl Sqlite {
    /// Opens a file, made if it is not there, and brings its tables up to date.
    pub(super) fn open(path: &Path) -> Result<Self, Fault> {
        let named = |fault: Fault| Fault::new(format!("{}: {fault}", path.display()));
        Self::open_file(path).map_err(named)
    }

    fn open_file(path: &Path) -> Result<Self, Fault> {
        // What is kept may be about people: nobody else on the machine reads it.
        let made = OpenOptions::new().create(true).truncate(false).write(true).read(true).mode(0o600).open(path);
        let file = made.and_then(|file| Ok(identity(&file.metadata()?))).map_err(|error| Fault::new(reason(&error)))?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(LOCKED)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // An answer means that it is on the disk.
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "journal_size_limit", LOG)?;
        connection.pragma_update(None, "foreign_keys", true)?;
        migrations::run(&mut connection)?;
        Ok(Self { connection, path: path.to_owned(), file })
    }
}

impl Kept for Sqlite {
    fn whole(&mut self, job: &mut dyn FnMut(&mut dyn Kept) -> Result<(), Fault>) -> Result<(), Fault> {
        // Immediate: whoever reads first and writes then must not find that somebody else has written in between.
        self.connection.execute_batch("BEGIN IMMEDIATE")?;
        let done = job(self).and_then(|()| Ok(self.connection.execute_batch("COMMIT")?));
        // A full disk has rolled back on its own.
        if done.is_err() && !self.connection.is_autocommit() {
            self.connection.execute_batch("ROLLBACK")?;
        }
        done
    }

    fn is_there(&self) -> bool {
        fs::metadata(&self.path).is_ok_and(|about| identity(&about) == self.file)
    }
}

fn identity(about: &fs::Metadata) -> (u64, u64) {
    (about.dev(), about.ino())
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            format!("{error}; give `store: sqlite:PATH` a folder that the gateway may write to")
        }
        io::ErrorKind::NotFound => "its folder does not exist".to_owned(),
        _ => error.to_string(),
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::new(error.to_string())
    }
}

/// Makes one migration's changes together with the number that says they are made.
pub(super) fn step(connection: &mut Connection, number: usize, sql: &str) -> Result<(), Fault> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have been quicker.
    if version(&transaction)? < number {
        transaction.execute_batch(sql)?;
        transaction.pragma_update(None, "user_version", i64::try_from(number).unwrap_or(i64::MAX))?;
    }
    Ok(transaction.commit()?)
}

/// How many migrations a database has had.
pub(super) fn version(connection: &Connection) -> Result<usize, Fault> {
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok(usize::try_from(version).unwrap_or_default())
}
