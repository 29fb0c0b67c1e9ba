//! The composition root: builds every part once from a config, starts them, and stops them in order.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;

use crate::admin::Admin;
use crate::config::{self, ClientLimits, Config};
use crate::gateway::{Gateway, Observer, Snapshot};
use crate::server::{Server, Tls};
use crate::store::Store;
use crate::telemetry::Metrics;

/// A gateway with its ports bound, ready to run.
pub struct App {
    gateway: Arc<Gateway>,
    admin: Arc<Admin>,
    metrics: Arc<Metrics>,
    store: Store,
    clients_port: Server,
    admin_port: Server,
}

impl App {
    /// Builds everything and binds the ports; nothing is served yet. Needs a tokio runtime.
    ///
    /// # Errors
    /// When a port cannot be had or a backend's TLS cannot be set up; the text names which.
    pub fn build(config: &Config, observer: Observer) -> anyhow::Result<Self> {
        let metrics = Arc::new(Metrics::new().context("cannot set up the metrics")?);
        let store = Store::start(&config.store, metrics.live.store.clone()).context("cannot start the store")?;
        let snapshot = Snapshot::new(config, &store, &metrics, None)
            .context("cannot set up TLS to backends and identity providers")?;
        let bind = |address: SocketAddr, limits: &ClientLimits| {
            Server::bind(address, *limits, config.timeouts, metrics.connections.clone())
                .map_err(|error| anyhow::anyhow!("cannot listen on {address}: {}", reason(&error)))
        };
        // Operators get in although clients take every place.
        let for_operators = ClientLimits { connections: 256, ..config.limits };
        let listen = &config.listen;
        let tls = |files: &Option<config::Tls>| files.as_ref().map(Tls::new).transpose();
        let clients_port =
            bind(listen.clients, &config.limits)?.behind(tls(&listen.tls).context("cannot set up TLS for clients")?);
        let admin_port = bind(listen.admin.address, &for_operators)?
            .behind(tls(&listen.admin.tls).context("cannot set up TLS for operators")?);
        let gateway = Arc::new(Gateway::new(snapshot, Arc::clone(&metrics), observer));
        let admin = Arc::new(Admin::new(listen.admin.address, Arc::clone(&gateway), Arc::clone(&metrics)));
        Ok(Self { gateway, admin, metrics, store, clients_port, admin_port })
    }

    /// The addresses of clients and operators, as bound.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn addresses(&self) -> io::Result<(SocketAddr, SocketAddr)> {
        Ok((self.clients_port.address()?, self.admin_port.address()?))
    }

    /// What a config is replaced through while the app runs.
    #[must_use]
    pub fn reloader(&self) -> Reloader {
        Reloader { gateway: Arc::clone(&self.gateway), store: self.store.clone(), metrics: Arc::clone(&self.metrics) }
    }

    /// Serves until `stop`; then readiness turns false, nothing new is accepted, and what is in flight has the drain
    /// window to finish. Returns how many connections had to be cut.
    pub async fn run(self, stop: CancellationToken) -> usize {
        let stop_admin = CancellationToken::new();
        let operators = tokio::spawn(self.admin_port.serve(Arc::clone(&self.admin), stop_admin.clone()));
        self.admin.set_ready(true);
        let admin = Arc::clone(&self.admin);
        let not_ready = stop.clone();
        let readiness = tokio::spawn(async move {
            not_ready.cancelled().await;
            admin.set_ready(false);
        });
        let gateway = Arc::clone(&self.gateway);
        let cut = self.clients_port.serve(gateway, stop).await;
        stop_admin.cancel();
        // Both end on their own now; a panic in one of them has been reported by the runtime.
        let _ = tokio::join!(operators, readiness);
        for mirror in self.gateway.snapshot().mirrors() {
            mirror.flush().await;
        }
        self.store.settle().await;
        cut
    }
}

/// Replaces the config of a running app.
pub struct Reloader {
    gateway: Arc<Gateway>,
    store: Store,
    metrics: Arc<Metrics>,
}

impl Reloader {
    /// New requests are served by `config` from now on; those in flight finish on theirs. Addresses do not change.
    ///
    /// # Errors
    /// When a backend's TLS cannot be set up; then nothing has changed.
    pub fn replace(&self, config: &Config) -> io::Result<()> {
        let previous = self.gateway.snapshot();
        self.gateway.replace(Snapshot::new(config, &self.store, &self.metrics, Some(&previous))?);
        Ok(())
    }
}

/// A port's error in words that say what to do.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => "the port is in use".to_owned(),
        io::ErrorKind::PermissionDenied => "not permitted; ports below 1024 need a privilege".to_owned(),
        io::ErrorKind::AddrNotAvailable => "this machine has no such address".to_owned(),
        _ => error.to_string(),
    }
}
