//! Whom an address belongs to.

use std::net::IpAddr;

/// Who fails, as far as an address tells. The holder of an IPv6 network has at least a /64 of it, so its
/// lower half tells nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Source {
    V4(u32),
    V6Network(u64),
}

impl Source {
    /// The source of a request. An IPv4 address that is written as an IPv6 one (`::ffff:192.0.2.1`) is
    /// itself.
    pub(super) fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address.to_bits()),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                let parts = [a, b, c, d].map(u64::from);
                Self::V6Network(parts[0] << 48 | parts[1] << 32 | parts[2] << 16 | parts[3])
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Source;

    fn source(address: &str) -> Source {
        Source::of(address.parse().unwrap())
    }

    #[test]
    fn an_ipv4_address_is_a_source() {
        assert_ne!(source("192.0.2.1"), source("192.0.2.2"));
        assert_eq!(source("192.0.2.1"), source("::ffff:192.0.2.1"));
    }

    #[test]
    fn an_ipv6_network_of_64_bits_is_a_source() {
        assert_eq!(source("2001:db8:1:2::1"), source("2001:db8:1:2:ffff:ffff:ffff:ffff"));
        for other in ["2001:db8:1:3::1", "2001:db8:0:2::1", "2001:db9:1:2::1", "2002:db8:1:2::1"] {
            assert_ne!(source("2001:db8:1:2::1"), source(other));
        }
    }
}
