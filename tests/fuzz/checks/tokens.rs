//! Tokens: whatever stands in an `Authorization` header is read or refused.

/// All bytes are the header's value; the same bytes are read as a set of keys.
pub fn check(data: &[u8]) {
    cutover::auth::fuzzing::read(data);
}
