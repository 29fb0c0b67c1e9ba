//! Addresses of this machine: load goes nowhere else.

use std::net::SocketAddr;
use std::str::FromStr;

/// An address on the loopback interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loopback(SocketAddr);

impl Loopback {
    /// A port of this machine; 0 for a free one.
    pub fn port(port: u16) -> Self {
        Self(([127, 0, 0, 1], port).into())
    }

    /// As the system wants it.
    pub fn address(self) -> SocketAddr {
        self.0
    }
}

impl FromStr for Loopback {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let address: SocketAddr = text.parse().map_err(|_| format!("`{text}` is not an address and a port"))?;
        if address.ip().is_loopback() {
            return Ok(Self(address));
        }
        Err(format!("`{text}` is not on this machine; load is sent to 127.0.0.1 and nowhere else"))
    }
}

impl std::fmt::Display for Loopback {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn load_stays_on_this_machine() {
        assert!("127.0.0.1:80".parse::<Loopback>().is_ok());
        assert!("[::1]:80".parse::<Loopback>().is_ok());
        for elsewhere in
            ["10.0.0.1:80", "0.0.0.0:80", "192.0.2.1:80", "[2001:db8::1]:80", "example.com:80", "127.0.0.1"]
        {
            assert!(elsewhere.parse::<Loopback>().is_err(), "{elsewhere}");
        }
    }
}
