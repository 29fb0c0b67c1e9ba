//! The binary, serving a config file of its own.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::Client;

/// A running `cutover serve`; dropping it kills it and removes its folder.
pub struct Process {
    /// Where clients reach it.
    pub clients: SocketAddr,
    /// Where operators reach it.
    pub admin: SocketAddr,
    /// Where its config file is.
    pub folder: PathBuf,
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Process {
    /// Starts with this config; the ports are filled in.
    pub async fn start(name: &str, yaml: &str) -> Self {
        let folder = folder(name);
        std::fs::write(folder.join("cutover.yaml"), with_ports(yaml)).unwrap();
        Self::serve(folder).await
    }

    /// Starts with the `cutover.yaml` in this folder.
    pub async fn serve(folder: PathBuf) -> Self {
        Self::serve_by(Command::new(env!("CARGO_BIN_EXE_cutover")), folder).await
    }

    /// The same by a command that ends in the binary, or becomes it.
    pub async fn serve_by(mut command: Command, folder: PathBuf) -> Self {
        let file = folder.join("cutover.yaml");
        let mut child =
            command.args(["serve", "--config"]).arg(file).stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let (stderr, log) = (child.stderr.take().unwrap(), Arc::clone(&lines));
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                log.lock().unwrap().push(line);
            }
        });
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut process = Self { clients: nowhere, admin: nowhere, folder, child, lines };
        let serving = process.line("\"serving\"").await;
        let serving: serde_json::Value = serde_json::from_str(&serving).unwrap();
        let address = |name: &str| serving[name].as_str().unwrap().trim_start_matches("http://").parse().unwrap();
        (process.clients, process.admin) = (address("clients"), address("admin"));
        process
    }

    /// The config file.
    pub fn file(&self) -> PathBuf {
        self.folder.join("cutover.yaml")
    }

    /// Writes the config file anew, as an editor does: another file is renamed over it.
    pub fn write(&self, yaml: &str) {
        let new = self.folder.join("cutover.yaml.new");
        std::fs::write(&new, with_ports(yaml)).unwrap();
        std::fs::rename(new, self.file()).unwrap();
    }

    /// The first log line that holds this, once it is there.
    pub async fn line(&self, part: &str) -> String {
        self.line_after(0, part).await.1
    }

    /// The first log line from this place on that holds this, once it is there, and the place behind it.
    pub async fn line_after(&self, from: usize, part: &str) -> (usize, String) {
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            let found = {
                let lines = self.lines.lock().unwrap();
                let mut lines = lines.iter().enumerate().skip(from);
                lines.find(|(_, line)| line.contains(part)).map(|(place, line)| (place + 1, line.clone()))
            };
            if let Some(found) = found {
                return found;
            }
            assert!(Instant::now() < until, "no line with {part} in {:#?}", self.lines());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// What it has logged.
    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    /// A client of it.
    pub fn client(&self) -> Client {
        Client::new(self.clients)
    }

    /// An operator of it.
    pub fn operator(&self) -> Client {
        Client::new(self.admin)
    }

    /// The value of a metric with all of its labels.
    pub async fn metric(&self, name: &str) -> Option<f64> {
        let text = self.operator().get("/metrics").await.text();
        text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
    }

    /// What `cutover report` says of the route `agent`, as JSON.
    pub fn report(&self) -> serde_json::Value {
        let report = Command::new(env!("CARGO_BIN_EXE_cutover"))
            .args(["report", "agent", "--form", "json", "--config"])
            .arg(self.file())
            .output()
            .unwrap();
        assert!(report.status.success(), "{}", String::from_utf8_lossy(&report.stderr));
        serde_json::from_slice(&report.stdout).unwrap()
    }

    /// The most memory that it has had so far, in MiB.
    pub fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")).unwrap();
        peak.parse::<u64>().unwrap() / 1024
    }

    /// The niceness of its threads of that name.
    pub fn niceness(&self, thread: &str) -> Vec<i32> {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        let stats = threads.filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("stat")).ok());
        // The name stands in brackets; behind it the niceness is the 17th field (proc_pid_stat(5)).
        let named = stats.filter_map(|stat| {
            let (name, fields) = stat.split_once('(')?.1.rsplit_once(") ")?;
            (name == thread).then(|| fields.split(' ').nth(16)?.parse().ok())?
        });
        named.collect()
    }

    /// Leaves its folder where it is, for the next one.
    pub fn leave(mut self) -> PathBuf {
        std::mem::take(&mut self.folder)
    }

    /// Sends a signal with the system's own command.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([format!("-{name}"), self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// The exit code, once it has ended.
    pub async fn ended(&mut self) -> Option<i32> {
        for _ in 0..4_000 {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("still there after 20 s: {:#?}", self.lines());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if !std::thread::panicking() && self.folder.as_os_str() != "" {
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}

/// An empty folder.
pub fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("cutover-process-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// A config that listens on free ports.
pub fn with_ports(yaml: &str) -> String {
    if yaml.contains("listen:") {
        return yaml.to_owned();
    }
    format!("listen: {{ clients: '127.0.0.1:0', admin: '127.0.0.1:0' }}\n{yaml}")
}
