//! Patterns of the policy: names with `*` and `?`, addresses as CIDR.

use std::fmt;
use std::net::IpAddr;

/// A pattern for names: `*` stands for any sequence of bytes, `?` for one byte,
/// everything else for itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NameGlob(String);

impl NameGlob {
    /// The pattern with this text.
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// The text in the policy.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it can match more than one name.
    pub fn has_wildcard(&self) -> bool {
        self.0.bytes().any(|byte| matches!(byte, b'*' | b'?'))
    }

    /// Whether the pattern matches the whole name.
    pub fn matches(&self, name: &[u8]) -> bool {
        fits(&self.0, name)
    }
}

/// Whether the pattern matches the whole name. Linear in practice: it only ever
/// backtracks to the last `*`.
pub(super) fn fits(pattern: &str, name: &[u8]) -> bool {
    let pattern = pattern.as_bytes();
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(&c) if c == b'?' || c == name[n] => {
                p += 1;
                n += 1;
            }
            _ => {
                let Some((star_p, star_n)) = star else {
                    return false;
                };
                star = Some((star_p, star_n + 1));
                p = star_p + 1;
                n = star_n + 1;
            }
        }
    }
    pattern[p..].iter().all(|&c| c == b'*')
}

impl fmt::Display for NameGlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A block of addresses: `192.0.2.0/24`, `2001:db8::/32`, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cidr {
    network: IpAddr,
    prefix: u8,
}

impl Cidr {
    /// Reads a block; `None` if the text is not one, the prefix is too long, or
    /// bits beyond the prefix are set (`192.0.2.1/24`), which sshd refuses too.
    pub fn new(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let network: IpAddr = address.parse().ok()?;
        let width = if network.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse().ok()?,
            Some(_) => return None,
            None => width,
        };
        let block = Self { network, prefix };
        (prefix <= width && block.masked(network) == Some(bits(network))).then_some(block)
    }

    /// Whether the address is in the block. An IPv4 address that is mapped into
    /// IPv6 (RFC 4291 §2.5.5.2) counts as the IPv4 address.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.network.is_ipv4()
            && self.masked(address) == Some(bits(self.network))
    }

    fn masked(&self, address: IpAddr) -> Option<u128> {
        let width: u32 = if address.is_ipv4() { 32 } else { 128 };
        let host_bits = width.checked_sub(u32::from(self.prefix))?;
        let host_mask = 1u128
            .checked_shl(host_bits)
            .map_or(u128::MAX, |bit| bit - 1);
        Some(bits(address) & !host_mask)
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let rows: [(&str, &str, bool); 12] = [
            ("alice", "alice", true),
            ("alice", "alicex", false),
            ("a*", "a", true),
            ("a*e", "alice", true),
            ("a*c", "alice", false),
            ("*", "", true),
            ("?", "", false),
            ("?", "a", true),
            ("*a*b*", "xxaxxbxx", true),
            ("._*", "._x", true),
            ("._*", ".x", false),
            (".[a]", ".[a]", true),
        ];
        for (pattern, name, expected) in rows {
            let seen = NameGlob::new(pattern.to_owned()).matches(name.as_bytes());
            assert_eq!(seen, expected, "{pattern} {name}");
        }
    }

    #[test]
    fn addresses() {
        let rows: [(&str, &str, bool); 10] = [
            ("192.0.2.0/24", "192.0.2.255", true),
            ("192.0.2.0/24", "192.0.3.0", false),
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7", "192.0.2.8", false),
            ("0.0.0.0/0", "203.0.113.1", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("::/0", "2001:db8::1", true),
            ("192.0.2.0/24", "::ffff:192.0.2.9", true),
        ];
        for (block, address, expected) in rows {
            let block = Cidr::new(block).unwrap();
            let seen = block.contains(address.parse().unwrap());
            assert_eq!(seen, expected, "{block} {address}");
        }
        for wrong in [
            "192.0.2.1/24",
            "192.0.2.0/33",
            "::/129",
            "x",
            "1.2.3.4/+8",
            "",
            "1.2.3.4/",
        ] {
            assert_eq!(Cidr::new(wrong), None, "{wrong}");
        }
    }
}
