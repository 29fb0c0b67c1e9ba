//! The client's side of HTTP/1.1: an answer read as it comes, with its body handed on piece by piece.

/// Longest head of an answer.
const HEAD: usize = 32 * 1024;

/// Why an answer cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken;

/// One answer.
#[derive(Debug, Default)]
pub struct Answer {
    state: State,
    /// A head that has not come whole.
    head: Vec<u8>,
    /// Its status; 0 until the head is there.
    pub status: u16,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Head,
    /// Bytes of a body of known length that are to come.
    Length(usize),
    /// In a line that says how long the next chunk is, and what it says so far.
    Size(usize),
    /// Behind the digits of such a line.
    Extension(usize),
    /// Bytes of a chunk that are to come, its line end included.
    Chunk(usize),
    /// In the lines behind the last chunk; whether the line is empty so far.
    Trailer(bool),
    Whole,
}

impl Answer {
    /// Takes the next bytes; true once the answer is whole.
    pub fn take(&mut self, bytes: &[u8], mut body: impl FnMut(&[u8])) -> Result<bool, Broken> {
        let mut rest = bytes;
        if self.state == State::Head {
            let Some(begun) = self.read_head(rest)? else { return Ok(false) };
            rest = rest.get(begun..).unwrap_or_default();
        }
        while !rest.is_empty() && self.state != State::Whole {
            rest = self.step(rest, &mut body)?;
        }
        Ok(self.state == State::Whole)
    }

    /// Where the body begins in `bytes`, once the head is whole.
    fn read_head(&mut self, bytes: &[u8]) -> Result<Option<usize>, Broken> {
        let before = self.head.len();
        let head = if before == 0 {
            bytes
        } else {
            self.head.extend_from_slice(bytes);
            &self.head
        };
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut response = httparse::Response::new(&mut headers);
        let length = match response.parse(head).map_err(|_| Broken)? {
            httparse::Status::Complete(length) => length,
            httparse::Status::Partial if head.len() > HEAD => return Err(Broken),
            httparse::Status::Partial => {
                if before == 0 {
                    self.head.extend_from_slice(bytes);
                }
                return Ok(None);
            }
        };
        self.status = response.code.unwrap_or(0);
        let value = |name: &str| {
            response.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value)
        };
        self.state = match (value("transfer-encoding"), value("content-length")) {
            (Some(coding), _) if coding.eq_ignore_ascii_case(b"chunked") => State::Size(0),
            (None, Some(length)) => {
                let length = std::str::from_utf8(length).ok().and_then(|length| length.parse().ok()).ok_or(Broken)?;
                if length == 0 { State::Whole } else { State::Length(length) }
            }
            _ => return Err(Broken),
        };
        self.head.clear();
        Ok(Some(length - before))
    }

    /// One step; what is left of the bytes.
    fn step<'b>(&mut self, bytes: &'b [u8], body: &mut impl FnMut(&[u8])) -> Result<&'b [u8], Broken> {
        let Some((first, others)) = bytes.split_first() else { return Ok(bytes) };
        let (state, rest) = match self.state {
            State::Head | State::Whole => return Err(Broken),
            State::Length(left) => {
                let (piece, rest) = bytes.split_at(left.min(bytes.len()));
                body(piece);
                let left = left - piece.len();
                (if left == 0 { State::Whole } else { State::Length(left) }, rest)
            }
            State::Size(size) => match (char::from(*first).to_digit(16), first) {
                (Some(digit), _) if size < 1 << 40 => (State::Size(size << 4 | digit as usize), others),
                (None, b'\n') => (State::behind_size(size), others),
                (None, _) => (State::Extension(size), others),
                _ => return Err(Broken),
            },
            State::Extension(size) => {
                (if *first == b'\n' { State::behind_size(size) } else { State::Extension(size) }, others)
            }
            State::Chunk(left) => {
                let (piece, rest) = bytes.split_at(left.min(bytes.len()));
                // The last two bytes are the line end behind the chunk.
                let data = piece.len().min(left.saturating_sub(2));
                body(piece.get(..data).unwrap_or_default());
                let left = left - piece.len();
                (if left == 0 { State::Size(0) } else { State::Chunk(left) }, rest)
            }
            State::Trailer(empty) => match first {
                b'\n' if empty => (State::Whole, others),
                b'\n' => (State::Trailer(true), others),
                b'\r' => (State::Trailer(empty), others),
                _ => (State::Trailer(false), others),
            },
        };
        self.state = state;
        Ok(rest)
    }
}

impl State {
    fn behind_size(size: usize) -> Self {
        if size == 0 { Self::Trailer(true) } else { Self::Chunk(size + 2) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(wire: &[u8], step: usize) -> Result<(bool, u16, String), Broken> {
        let (mut answer, mut text, mut whole) = (Answer::default(), Vec::new(), false);
        for piece in wire.chunks(step) {
            whole = answer.take(piece, |body| text.extend_from_slice(body))?;
        }
        Ok((whole, answer.status, String::from_utf8(text).unwrap()))
    }

    #[test]
    fn answers_are_read_however_they_are_cut() {
        let plain = b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world".as_slice();
        let chunked = b"HTTP/1.1 201 Created\r\ntransfer-encoding: chunked\r\n\r\n6\r\nhello \r\n5;x=y\r\nworld\r\n0\r\nt: 1\r\n\r\n".as_slice();
        for step in 1..=chunked.len() {
            assert_eq!(read(plain, step), Ok((true, 200, "hello world".to_owned())), "{step}");
            assert_eq!(read(chunked, step), Ok((true, 201, "hello world".to_owned())), "{step}");
            assert!(!read(&chunked[..chunked.len() - 1], step).unwrap().0, "an answer without its end");
        }
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        for wire in ["nonsense\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n"] {
            assert_eq!(read(wire.as_bytes(), wire.len()), Err(Broken), "{wire}");
        }
    }
}
