//! A file that is read again when it has changed: digests, secrets and certificates that others put in place.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;

/// How often it is looked at, at most; whoever needs the value looks, so that nothing runs in between.
const EVERY: Duration = Duration::from_secs(1);

type Read<T> = Box<dyn Fn() -> Result<T, String> + Send + Sync>;

/// What some files hold, as of a second ago.
pub struct Watched<T> {
    files: Vec<PathBuf>,
    read: Read<T>,
    value: ArcSwap<T>,
    seen: Mutex<Seen>,
}

struct Seen {
    stamps: Vec<Option<Stamp>>,
    looked: Instant,
}

/// What changes when a file is written or replaced: time in nanoseconds, length, and which file it is.
type Stamp = (i64, i64, u64, u64);

impl<T> Watched<T> {
    /// Reads the files for the first time.
    ///
    /// # Errors
    /// What `read` says.
    pub fn open(
        files: Vec<PathBuf>,
        read: impl Fn() -> Result<T, String> + Send + Sync + 'static,
    ) -> Result<Self, String> {
        let seen = Mutex::new(Seen { stamps: stamps(&files), looked: Instant::now() });
        let value = ArcSwap::from_pointee(read()?);
        Ok(Self { files, read: Box::new(read), value, seen })
    }

    /// What the files hold. If they have changed and cannot be read now, what they held before.
    pub fn get(&self) -> Arc<T> {
        // Whoever finds it locked lets the other one look.
        if let Ok(mut seen) = self.seen.try_lock()
            && seen.looked.elapsed() >= EVERY
        {
            seen.looked = Instant::now();
            let stamps = stamps(&self.files);
            // Files that are being replaced are gone for a moment.
            if stamps != seen.stamps && stamps.iter().all(Option::is_some) {
                self.read_again();
                seen.stamps = stamps;
            }
        }
        self.value.load_full()
    }

    fn read_again(&self) {
        let files = || self.files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(", ");
        match (self.read)() {
            Ok(value) => {
                self.value.store(Arc::new(value));
                tracing::info!(files = files(), "read again");
            }
            Err(error) => tracing::error!(files = files(), error, "not read again; what was read before goes on"),
        }
    }
}

fn stamps(files: &[PathBuf]) -> Vec<Option<Stamp>> {
    let stamp = |file: &PathBuf| -> io::Result<Stamp> {
        let about = fs::metadata(file)?;
        Ok((about.mtime(), about.mtime_nsec(), about.len(), about.ino()))
    };
    files.iter().map(|file| stamp(file).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_seen_and_a_file_that_cannot_be_read_changes_nothing() {
        let path = std::env::temp_dir().join(format!("cutover-watched-{}", std::process::id()));
        fs::write(&path, "1").unwrap();
        let file = path.clone();
        let read = move || {
            fs::read_to_string(&file).map_err(|error| error.to_string())?.parse::<u32>().map_err(|_| "no number".into())
        };
        let watched = Watched::open(vec![path.clone()], read).unwrap();
        let after = |text: &str| {
            fs::write(&path, text).unwrap();
            watched.seen.lock().unwrap().looked -= EVERY;
            *watched.get()
        };
        assert_eq!([*watched.get(), after("22"), after("x"), after("333")], [1, 22, 22, 333]);
        fs::remove_file(&path).unwrap();
        watched.seen.lock().unwrap().looked -= EVERY;
        assert_eq!(*watched.get(), 333);
        assert!(Watched::open(vec![path], || Err::<u32, _>("no".into())).is_err());
    }
}
