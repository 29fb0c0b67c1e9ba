//! The gateway of this crate, in this process.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Once;
use std::time::Duration;

use cutover::app::App;
use cutover::config::Config;
use cutover::gateway::Summary;
use cutover::live::Live;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{Client, Fake};

/// A running gateway; dropping it stops it.
pub struct Gateway {
    /// Where clients reach it.
    pub clients: SocketAddr,
    /// Where operators reach it.
    pub admin: SocketAddr,
    /// What it says of finished exchanges.
    pub finished: mpsc::Receiver<Summary>,
    config: Config,
    live: std::sync::Arc<Live>,
    stop: CancellationToken,
    running: Option<tokio::task::JoinHandle<usize>>,
}

impl Gateway {
    /// Starts with this config; the ports are filled in, unless it begins with them.
    #[expect(clippy::unused_async, reason = "binding and spawning need a runtime, which an async fn asks for")]
    pub async fn start(yaml: &str) -> Self {
        static PROVIDER: Once = Once::new();
        PROVIDER.call_once(|| {
            let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
            super::log::capture();
        });
        let listen = "listen: { clients: '127.0.0.1:0', admin: '127.0.0.1:0' }\n";
        let store = if yaml.contains("\nstore:") { "" } else { "\nstore: none\n" };
        let text = format!("{}{yaml}{store}", if yaml.starts_with("listen:") { "" } else { listen });
        let config = Config::parse(&text, Path::new("."), &|_| None).unwrap_or_else(|problems| panic!("{problems}"));
        let (offers, finished) = mpsc::channel(20_000);
        let app = App::build(&config, Some(offers)).unwrap();
        let (clients, admin) = app.addresses().unwrap();
        let (stop, live) = (CancellationToken::new(), app.live());
        let running = Some(tokio::spawn(app.run(stop.clone())));
        Self { clients, admin, finished, config, live, stop, running }
    }

    /// One route, `agent`, to one backend of this dialect; everybody may call.
    pub async fn to(fake: &Fake, dialect: &str) -> Self {
        Self::start(&one_backend(fake, dialect, "")).await
    }

    /// A client of it.
    pub fn client(&self) -> Client {
        Client::new(self.clients)
    }

    /// All that it says to operators.
    pub async fn said_to_operators(&self) -> String {
        let mut said = String::new();
        for path in ["/metrics", "/api/v1/config", "/openapi.json"] {
            said.push_str(&Client::new(self.admin).get(path).await.text());
        }
        said
    }

    /// Replaces the config with itself, as a signal does.
    pub fn reload(&self) {
        self.live.replace(&self.config).unwrap();
    }

    /// Replaces the config with another one.
    pub fn reload_as(&self, yaml: &str) {
        let config = Config::parse(yaml, Path::new("."), &|_| None).unwrap_or_else(|problems| panic!("{problems}"));
        self.live.replace(&config).unwrap();
    }

    /// Begins to stop.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Waits until it has stopped; how many connections had to be cut.
    pub async fn stopped(mut self) -> usize {
        let running = self.running.take().expect("not awaited yet");
        tokio::time::timeout(Duration::from_secs(20), running).await.expect("stopped within 20 s").unwrap()
    }

    /// What it says of the next finished exchange.
    pub async fn next_finished(&mut self) -> Summary {
        tokio::time::timeout(Duration::from_secs(10), self.finished.recv()).await.expect("an exchange").unwrap()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.stop.cancel();
        // Whatever a test was about: no token that it used may be in the log.
        if !std::thread::panicking() {
            super::log::check("");
        }
    }
}

/// The config of one route to one backend, with more lines for the backend.
pub fn one_backend(fake: &Fake, dialect: &str, more: &str) -> String {
    format!(
        "auth: anonymous
backends:
  only:
    url: http://{}/agent
    dialect: {dialect}
    credential: none
    {more}
routes:
  - name: agent
    match: {{ model: agent }}
    split: {{ only: 1 }}
",
        fake.address
    )
}

/// The config of the route `agent` from a ChatAgent to Responses, all of it mirrored, with more for the shadow.
pub fn mirrored(legacy: &Fake, app: SocketAddr, store: impl std::fmt::Display, shadow: &str) -> String {
    format!(
        "auth: anonymous
backends:
  legacy: {{ url: 'http://{}/invocations', dialect: chat_agent, credential: none }}
  app: {{ url: 'http://{app}/responses', dialect: responses, credential: none }}
routes:
  - name: agent
    match: {{ model: agent }}
    split: {{ legacy: 1 }}
    shadow: {{ to: app, sample: 100%, side_effects: none, {shadow} }}
store: 'sqlite:{store}'
",
        legacy.address
    )
}
