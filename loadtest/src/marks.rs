//! The mark in each streamed event by which it is known again, whatever dialect it has been translated to: `@1234;`.
//!
//! Marks rise within a stream. Closing frames that repeat the whole text repeat old marks, which do not count.

/// Longest mark.
const LONGEST: usize = 24;

/// Writes a mark.
pub fn write(mark: u64, out: &mut Vec<u8>) {
    let mut digits = [0_u8; 20];
    let mut left = mark;
    let mut length = 0;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + u8::try_from(left % 10).unwrap_or(0);
        left /= 10;
        length += 1;
        if left == 0 {
            break;
        }
    }
    out.push(b'@');
    out.extend_from_slice(digits.get(digits.len() - length..).unwrap_or_default());
    out.push(b';');
}

/// Finds new marks in a stream's bytes, however they are cut.
#[derive(Debug, Default)]
pub struct Marks {
    last: u64,
    /// The beginning of a mark whose end has not come yet.
    begun: Vec<u8>,
}

impl Marks {
    /// Takes the next bytes; tells of each new mark.
    pub fn find(&mut self, bytes: &[u8], mut new: impl FnMut(u64)) {
        let mut bytes = bytes;
        if !self.begun.is_empty() {
            let joint = bytes.len().min(LONGEST);
            self.begun.extend_from_slice(bytes.get(..joint).unwrap_or_default());
            match read(self.begun.get(1..).unwrap_or_default()) {
                Read::Unfinished => return,
                Read::Mark(mark) => self.tell(mark, &mut new),
                Read::None => {}
            }
            self.begun.clear();
        }
        while let Some(place) = memchr::memchr(b'@', bytes) {
            bytes = bytes.get(place + 1..).unwrap_or_default();
            match read(bytes) {
                Read::Unfinished => {
                    self.begun.push(b'@');
                    self.begun.extend_from_slice(bytes);
                    return;
                }
                Read::Mark(mark) => self.tell(mark, &mut new),
                Read::None => {}
            }
        }
    }

    /// Forgets what it saw: another stream begins.
    pub fn restart(&mut self) {
        self.last = 0;
        self.begun.clear();
    }

    fn tell(&mut self, mark: u64, new: &mut impl FnMut(u64)) {
        if mark > self.last {
            self.last = mark;
            new(mark);
        }
    }
}

enum Read {
    Mark(u64),
    None,
    Unfinished,
}

/// What stands behind an `@`.
fn read(bytes: &[u8]) -> Read {
    let mut mark = 0_u64;
    for byte in bytes.iter().take(LONGEST) {
        match byte {
            b'0'..=b'9' => mark = mark.wrapping_mul(10).wrapping_add(u64::from(byte - b'0')),
            b';' => return Read::Mark(mark),
            _ => return Read::None,
        }
    }
    if bytes.len() < LONGEST { Read::Unfinished } else { Read::None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_found_however_the_bytes_are_cut_and_old_ones_do_not_count() {
        let mut text = Vec::new();
        for mark in [1, 22, 1_234_567_890_123_456_789] {
            text.extend_from_slice(b"data: {\"x\":\"a@b ");
            write(mark, &mut text);
            text.extend_from_slice(b" words\"}\n\n");
        }
        text.extend_from_slice(b"@1;@22;@1234567890123456789; again, @99999999999999999999999999999 and @");
        for step in 1..text.len() {
            let (mut marks, mut found) = (Marks::default(), Vec::new());
            for piece in text.chunks(step) {
                marks.find(piece, |mark| found.push(mark));
            }
            assert_eq!(found, [1, 22, 1_234_567_890_123_456_789], "cut every {step} bytes");
        }
    }
}
