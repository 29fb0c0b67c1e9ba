//! What a mirror's target may do: answer, or one of the things that go wrong. A thread for each connection, a byte on
//! standard output for each request.

use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::voice::Voice;

/// Most connections at a time; one more is closed at once.
const CONNECTIONS: usize = 512;

/// What a target does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Target {
    /// Answers.
    Well,
    /// Is not there.
    Down,
    /// Takes the request and says nothing.
    Hung,
    /// Answers, after a second.
    Slow,
    /// Takes the request and resets the connection.
    Reset,
    /// Answers with 64 KiB of anything.
    Garbage,
    /// Streams, every ten milliseconds, and never ends.
    Endless,
    /// Streams as fast as it is read, and never ends.
    Flood,
}

impl Target {
    /// All of them, in the order of the table.
    pub const ALL: [Self; 8] =
        [Self::Well, Self::Down, Self::Hung, Self::Slow, Self::Reset, Self::Garbage, Self::Endless, Self::Flood];

    /// Its name in the table and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Well => "well",
            Self::Down => "down",
            Self::Hung => "hung",
            Self::Slow => "slow",
            Self::Reset => "reset",
            Self::Garbage => "garbage",
            Self::Endless => "endless",
            Self::Flood => "flood",
        }
    }
}

/// Serves until the process ends.
pub fn serve(listener: &TcpListener, does: Target) -> io::Result<()> {
    let open = Arc::new(AtomicUsize::new(0));
    loop {
        let (socket, _) = listener.accept()?;
        if open.fetch_add(1, Ordering::Relaxed) < CONNECTIONS {
            let open = Arc::clone(&open);
            std::thread::Builder::new().stack_size(256 * 1024).spawn(move || {
                // It has gone, which is no error here.
                let _ = answer(socket, does);
                open.fetch_sub(1, Ordering::Relaxed);
            })?;
        } else {
            open.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

fn answer(mut socket: TcpStream, does: Target) -> io::Result<()> {
    socket.set_nodelay(true)?;
    while request(&mut socket)? {
        io::stdout().write_all(b".")?;
        io::stdout().flush()?;
        match does {
            Target::Well | Target::Down => socket.write_all(&plain())?,
            Target::Slow => {
                std::thread::sleep(Duration::from_secs(1));
                socket.write_all(&plain())?;
            }
            Target::Hung => while socket.read(&mut [0; 64])? > 0 {},
            Target::Reset => {
                return rustix::net::sockopt::set_socket_linger(&socket, Some(Duration::ZERO)).map_err(Into::into);
            }
            Target::Garbage => {
                let noise: Vec<u8> =
                    (0..64 * 1024_u32).map(|byte| (byte.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
                return socket.write_all(&noise);
            }
            Target::Endless | Target::Flood => stream(&mut socket, does == Target::Endless)?,
        }
    }
    Ok(())
}

/// Frames without an end.
fn stream(socket: &mut TcpStream, paced: bool) -> io::Result<()> {
    socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")?;
    let frame = format!("{}\n\n", Voice::ChatCompletions.delta());
    let frames = frame.repeat(if paced { 1 } else { 64 });
    let chunk = format!("{:x}\r\n{frames}\r\n", frames.len());
    loop {
        socket.write_all(chunk.as_bytes())?;
        if paced {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn plain() -> Vec<u8> {
    let body = Voice::ChatCompletions.plain(1024);
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len())
        .into_bytes()
}

/// Reads one request to its end; false if no more come.
fn request(socket: &mut TcpStream) -> io::Result<bool> {
    let (mut bytes, mut room) = (Vec::new(), [0; 16 * 1024]);
    loop {
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut request = httparse::Request::new(&mut headers);
        if let Ok(httparse::Status::Complete(head)) = request.parse(&bytes) {
            let length = request.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
            let length = length.and_then(|header| std::str::from_utf8(header.value).ok()?.parse::<usize>().ok());
            if bytes.len() >= head + length.unwrap_or(0) {
                return Ok(true);
            }
        }
        match socket.read(&mut room)? {
            0 => return Ok(false),
            count => bytes.extend_from_slice(room.get(..count).unwrap_or_default()),
        }
    }
}
