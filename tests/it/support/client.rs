//! A client that shows what really came over the wire: every byte, every read, and whether the end was an end.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// An answer as it came.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    head: String,
    /// The body without its chunked encoding.
    pub body: Vec<u8>,
    /// The body ended as HTTP says it ends: by its length or by the last chunk.
    pub whole: bool,
    /// The body's chunks, as the server wrote them.
    pub chunks: Vec<Vec<u8>>,
}

impl Answer {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("a body of UTF-8")
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {}", self.text()))
    }

    /// The `data:` of every frame of an event stream.
    pub fn datas(&self) -> Vec<String> {
        let text = self.text();
        text.split("\n\n")
            .filter_map(|frame| frame.lines().find_map(|line| line.strip_prefix("data: ")))
            .map(str::to_owned)
            .collect()
    }
}

/// Asks a server over connections of its own.
#[derive(Clone, Debug)]
pub struct Client {
    address: SocketAddr,
    headers: Vec<(String, String)>,
}

impl Client {
    /// A client of the server at `address`.
    pub fn new(address: SocketAddr) -> Self {
        Self { address, headers: Vec::new() }
    }

    /// The same with one header more.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Posts JSON and reads the whole answer.
    pub async fn post(&self, path: &str, body: impl AsRef<[u8]>) -> Answer {
        self.ask("POST", path, body.as_ref()).await
    }

    /// Gets a path.
    pub async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, b"").await
    }

    /// Asks and reads the whole answer.
    pub async fn ask(&self, method: &str, path: &str, body: &[u8]) -> Answer {
        let mut stream = self.begin(method, path, body).await;
        tokio::time::timeout(Duration::from_secs(20), read(&mut stream)).await.expect("an answer within 20 s")
    }

    /// Sends a request and hands over the connection.
    pub async fn begin(&self, method: &str, path: &str, body: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\n", self.address);
        for (name, value) in &self.headers {
            head.extend([name.as_str(), ": ", value, "\r\n"]);
        }
        if method != "GET" {
            let length = body.len().to_string();
            head.extend(["content-type: application/json\r\ncontent-length: ", &length, "\r\n"]);
        }
        head.push_str("\r\n");
        stream.write_all(&[head.as_bytes(), body].concat()).await.unwrap();
        stream
    }
}

/// Reads one answer; a connection that ends too early gives what came, not `whole`.
pub async fn read(stream: &mut TcpStream) -> Answer {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        let more = stream.read_buf(&mut bytes).await.unwrap_or(0);
        assert!(more > 0, "the connection ended inside a head: {:?}", String::from_utf8_lossy(&bytes));
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    let mut answer = Answer { status, head, body: Vec::new(), whole: false, chunks: Vec::new() };
    let rest = bytes.split_off(end + 4);
    match answer.header("content-length").and_then(|length| length.parse::<usize>().ok()) {
        Some(length) => by_length(stream, &mut answer, rest, length).await,
        None => by_chunks(stream, &mut answer, rest).await,
    }
    answer
}

async fn by_length(stream: &mut TcpStream, answer: &mut Answer, mut rest: Vec<u8>, length: usize) {
    while rest.len() < length && stream.read_buf(&mut rest).await.unwrap_or(0) > 0 {}
    answer.whole = rest.len() == length;
    answer.chunks = vec![rest.clone()];
    answer.body = rest;
}

async fn by_chunks(stream: &mut TcpStream, answer: &mut Answer, mut rest: Vec<u8>) {
    loop {
        while let Some((size, from)) = chunk(&rest) {
            if rest.len() < from + size + 2 {
                break;
            }
            let data = rest[from..from + size].to_vec();
            rest.drain(..from + size + 2);
            if size == 0 {
                answer.whole = true;
                return;
            }
            answer.body.extend(&data);
            answer.chunks.push(data);
        }
        if stream.read_buf(&mut rest).await.unwrap_or(0) == 0 {
            return;
        }
    }
}

/// The size of the next chunk, and where its data begins.
fn chunk(bytes: &[u8]) -> Option<(usize, usize)> {
    let line = bytes.windows(2).position(|two| two == b"\r\n")?;
    let size = usize::from_str_radix(std::str::from_utf8(&bytes[..line]).ok()?, 16).ok()?;
    Some((size, line + 2))
}
