//! A backend that does exactly what a test tells it, byte by byte, and remembers what it was sent.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// One thing that the fake does with a connection after it has read the request.
#[derive(Clone, Debug)]
pub enum Step {
    /// Writes these bytes.
    Write(Vec<u8>),
    /// Waits.
    Wait(Duration),
    /// Says nothing more until the other side goes away.
    Hang,
    /// Writes these bytes again and again until the other side goes away, or has had a gigabyte.
    Flood(Vec<u8>),
    /// Closes with a reset.
    Reset,
}

/// A request as the fake saw it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The request line and headers, lower-cased names as sent.
    pub head: String,
    /// The body.
    pub body: String,
    /// When the other side was gone, if it went before the script was over or while the fake hung.
    pub gone: Option<Instant>,
}

impl Seen {
    /// The method and the path with its query.
    pub fn line(&self) -> &str {
        self.head.split(" HTTP/").next().unwrap_or_default()
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<String> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {}", self.body))
    }
}

/// A running fake.
pub struct Fake {
    /// Where it listens.
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    listening: tokio::task::JoinHandle<()>,
}

impl Fake {
    /// A fake that plays the same steps for every request and then closes the connection.
    pub async fn start(steps: Vec<Step>) -> Self {
        Self::with(move |_| steps.clone()).await
    }

    /// A fake that answers every request with this JSON.
    pub async fn json(status: u16, body: &str) -> Self {
        Self::start(vec![Step::Write(plain(status, "application/json", body))]).await
    }

    /// A fake that answers every request with this event stream, chunked and properly ended.
    pub async fn stream(body: &str) -> Self {
        Self::start(vec![Step::Write(chunked(body.as_bytes(), true))]).await
    }

    /// A fake that decides by the request's body.
    pub async fn with(script: impl Fn(&str) -> Vec<Step> + Send + Sync + 'static) -> Self {
        Self::by_request(move |request| script(&request.body)).await
    }

    /// A fake that decides by the request's body, and keeps its connections for the next requests.
    pub async fn kept(script: impl Fn(&str) -> Vec<Step> + Send + Sync + 'static) -> Self {
        Self::listen("127.0.0.1:0".parse().unwrap(), true, move |request: &Seen| script(&request.body)).await
    }

    /// A fake that decides by the whole request.
    pub async fn by_request(script: impl Fn(&Seen) -> Vec<Step> + Send + Sync + 'static) -> Self {
        Self::at("127.0.0.1:0".parse().unwrap(), script).await
    }

    /// A fake that listens where one has listened before.
    pub async fn at(address: SocketAddr, script: impl Fn(&Seen) -> Vec<Step> + Send + Sync + 'static) -> Self {
        // One request a connection: a test never depends on one that is left over from the test before.
        Self::listen(address, false, script).await
    }

    async fn listen<S: Fn(&Seen) -> Vec<Step> + Send + Sync + 'static>(
        address: SocketAddr,
        kept: bool,
        script: S,
    ) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (log, script) = (Arc::clone(&seen), Arc::new(script));
        let listening = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(play(stream, kept, Arc::clone(&script), Arc::clone(&log)));
            }
        });
        Self { address, seen, listening }
    }

    /// Listens no longer: whoever connects is refused.
    pub async fn down(&mut self) {
        self.listening.abort();
        let _ = (&mut self.listening).await;
    }

    /// What it was asked so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The only request it was asked.
    pub fn only(&self) -> Seen {
        let seen = self.seen();
        assert_eq!(seen.len(), 1, "requests that reached the backend: {seen:#?}");
        seen[0].clone()
    }
}

/// A whole HTTP/1.1 answer with a length.
pub fn plain(status: u16, kind: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// The head and one chunk of an event stream, with or without the end of the chunked encoding.
pub fn chunked(body: &[u8], ended: bool) -> Vec<u8> {
    let mut bytes =
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    if !body.is_empty() {
        bytes.extend(format!("{:x}\r\n", body.len()).as_bytes());
        bytes.extend(body);
        bytes.extend(b"\r\n");
    }
    if ended {
        bytes.extend(b"0\r\n\r\n");
    }
    bytes
}

async fn play<S: Fn(&Seen) -> Vec<Step>>(
    mut stream: TcpStream,
    kept: bool,
    script: Arc<S>,
    log: Arc<Mutex<Vec<Seen>>>,
) {
    while let Some((head, body)) = read(&mut stream).await {
        let seen = Seen { head, body, gone: None };
        let steps = script(&seen);
        let place = {
            let mut log = log.lock().unwrap();
            log.push(seen);
            log.len() - 1
        };
        let gone = || log.lock().unwrap()[place].gone = Some(Instant::now());
        let mut farewell = !kept;
        for step in steps {
            let mut probe = [0; 64];
            match step {
                Step::Write(mut bytes) => {
                    if std::mem::take(&mut farewell) {
                        bytes = announcing_the_end(bytes);
                    }
                    if stream.write_all(&bytes).await.is_err() {
                        return gone();
                    }
                }
                Step::Flood(bytes) => {
                    for _ in 0..(1 << 30) / bytes.len().max(1) {
                        if stream.write_all(&bytes).await.is_err() {
                            return gone();
                        }
                    }
                }
                Step::Wait(time) => tokio::select! {
                    () = tokio::time::sleep(time) => {}
                    _ = stream.read(&mut probe) => return gone(),
                },
                Step::Hang => {
                    while !matches!(stream.read(&mut probe).await, Ok(0) | Err(_)) {}
                    return gone();
                }
                Step::Reset => {
                    let _ = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
                    return;
                }
            }
        }
        if !kept {
            let _ = stream.shutdown().await;
            return;
        }
    }
}

/// The beginning of an answer, which says that its connection is closed behind it, as servers do: whoever asked again on
/// it could not know whether that was read.
fn announcing_the_end(mut bytes: Vec<u8>) -> Vec<u8> {
    let line = bytes.windows(2).position(|two| two == b"\r\n").filter(|_| bytes.starts_with(b"HTTP/1.1 "));
    if let Some(end) = line {
        bytes.splice(end..end, *b"\r\nconnection: close");
    }
    bytes
}

/// Reads one request: its head, and as much body as its length says.
pub async fn read(stream: &mut TcpStream) -> Option<(String, String)> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
            });
            let mut body = bytes.split_off(end + 4);
            while body.len() < length.unwrap_or(0) {
                if stream.read_buf(&mut body).await.ok()? == 0 {
                    return None;
                }
            }
            return Some((head, String::from_utf8_lossy(&body).into_owned()));
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}
