//! The composition root: builds every part once from a config, starts them, and stops them in order.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;

use crate::admin::Admin;
use crate::config::{self, ClientLimits, Config};
use crate::gateway::Observer;
use crate::live::Live;
use crate::server::{Server, Stop, Tls};
use crate::store::Store;
use crate::telemetry::Metrics;

/// A gateway with its ports bound, ready to run.
pub struct App {
    live: Arc<Live>,
    admin: Arc<Admin>,
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
        let live = Live::start(config, Arc::clone(&metrics), store, observer);
        let live = live.context("cannot set up TLS to backends and identity providers")?;
        let admin = Arc::new(Admin::new(listen.admin.address, Arc::clone(&live), metrics));
        Ok(Self { live, admin, clients_port, admin_port })
    }

    /// The addresses of clients and operators, as bound.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn addresses(&self) -> io::Result<(SocketAddr, SocketAddr)> {
        Ok((self.clients_port.address()?, self.admin_port.address()?))
    }

    /// What is served, and what changes it while the app runs.
    #[must_use]
    pub fn live(&self) -> Arc<Live> {
        Arc::clone(&self.live)
    }

    /// Serves until it is to stop: readiness turns false, then nothing new is accepted, and what is in flight has the drain
    /// window to finish. Returns how many connections had answers in flight when the window was over.
    pub async fn run(self, stop: impl Into<Stop>) -> usize {
        let Stop { drain, now } = stop.into();
        let (stop_clients, stop_admin) = (Stop { drain: CancellationToken::new(), now: now.clone() }, Stop::default());
        let operators = tokio::spawn(self.admin_port.serve(Arc::clone(&self.admin), stop_admin.clone()));
        let (gateway, stop) = (Arc::clone(self.live.gateway()), stop_clients.clone());
        let clients = tokio::spawn(self.clients_port.serve(gateway, stop));
        let counters = tokio::spawn(Live::read_counters(Arc::downgrade(&self.live)));
        self.admin.set_ready(true);
        drain.cancelled().await;
        self.admin.set_ready(false);
        tracing::info!("stopping: not ready any more, and what is in flight may finish");
        stop_clients.drain.cancel();
        // A panic in one of these has been reported by the runtime.
        let late = clients.await.unwrap_or_default();
        stop_admin.drain.cancel();
        let _ = operators.await;
        counters.abort();
        // Every request has met its client; now each meets its fate in the mirror's counts.
        self.live.gateway().snapshot().mirroring().finish(&now).await;
        self.live.settle().await;
        late
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
