//! The floor: a bare hyper relay that reads nothing, one thread, each upstream connection owned by whoever uses it.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::client::conn::http1::{self as client, SendRequest};
use hyper::server::conn::http1 as server;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{LocalSet, spawn_local};

use crate::loopback::Loopback;

type Sender = SendRequest<Incoming>;
type Failed = Box<dyn std::error::Error + Send + Sync>;

/// Connections to the upstream that are free.
type Pool = Rc<RefCell<Vec<Sender>>>;

/// Relays until the process ends.
pub fn serve(listen: Loopback, upstream: Loopback) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    LocalSet::new().block_on(&runtime, async move {
        let socket = tokio::net::TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.bind(listen.address())?;
        let listener = socket.listen(4096)?;
        let pool = Pool::default();
        loop {
            let (socket, _) = TcpListener::accept(&listener).await?;
            socket.set_nodelay(true)?;
            let pool = Rc::clone(&pool);
            spawn_local(async move {
                let service = service_fn(move |request| relay(request, upstream, Rc::clone(&pool)));
                // A client that goes away is no matter.
                let _ = server::Builder::new().serve_connection(TokioIo::new(socket), service).await;
            });
        }
    })
}

async fn relay(request: Request<Incoming>, upstream: Loopback, pool: Pool) -> Result<Response<Owning>, Failed> {
    let mut sender = loop {
        let free = pool.borrow_mut().pop();
        match free {
            Some(sender) if sender.is_closed() => {}
            Some(sender) => break sender,
            None => break connect(upstream).await?,
        }
    };
    sender.ready().await?;
    let response = sender.send_request(request).await?;
    Ok(response.map(|body| Owning { body, sender: Some(sender), pool }))
}

async fn connect(upstream: Loopback) -> Result<Sender, Failed> {
    let socket = TcpStream::connect(upstream.address()).await?;
    socket.set_nodelay(true)?;
    let (sender, connection) = client::handshake(TokioIo::new(socket)).await?;
    spawn_local(connection);
    Ok(sender)
}

/// An answer's body with the connection that it comes from, which is free again behind it.
struct Owning {
    body: Incoming,
    sender: Option<Sender>,
    pool: Pool,
}

impl Drop for Owning {
    fn drop(&mut self) {
        if let Some(sender) = self.sender.take().filter(|_| self.body.is_end_stream()) {
            self.pool.borrow_mut().push(sender);
        }
    }
}

impl Body for Owning {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
