//! Which network addresses a stranger may have us connect to (a guard against server-side request forgery).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What an address is to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// On the public internet.
    Public,
    /// On this machine or in networks around it: loopback, private, shared, link-local.
    Inside,
    /// No place for an object store: unspecified, multicast, reserved, documentation, tunnels, and the metadata services of
    /// clouds.
    Never,
}

/// Metadata services outside of link-local addresses (which hold 169.254.169.254), and that one.
const METADATA_4: [Ipv4Addr; 4] = [
    Ipv4Addr::new(169, 254, 169, 254),
    Ipv4Addr::new(169, 254, 170, 2),
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(168, 63, 129, 16),
];
const METADATA_6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

/// Sorts an address.
pub fn reach(address: IpAddr) -> Reach {
    match address {
        IpAddr::V4(address) => reach_4(address),
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            // The same place by another name.
            Some(mapped) => reach_4(mapped),
            None => reach_6(address),
        },
    }
}

fn reach_4(address: Ipv4Addr) -> Reach {
    if METADATA_4.contains(&address) {
        return Reach::Never;
    }
    match address.octets() {
        [10 | 127, ..] | [169, 254, ..] | [192, 168, ..] => Reach::Inside,
        [172, 16..=31, ..] | [100, 64..=127, ..] => Reach::Inside,
        [0, ..] | [192, 0, 0 | 2, _] | [192, 88, 99, _] | [198, 18 | 19, ..] => Reach::Never,
        [198, 51, 100, _] | [203, 0, 113, _] | [224..=255, ..] => Reach::Never,
        _ => Reach::Public,
    }
}

fn reach_6(address: Ipv6Addr) -> Reach {
    if address == METADATA_6 {
        return Reach::Never;
    }
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] | [0xfc00..=0xfdff, ..] | [0xfe80..=0xfebf, ..] => Reach::Inside,
        // Protocol assignments (Teredo among them), documentation, 6to4.
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x2002, ..] | [0x3fff, 0..=0xfff, ..] => {
            Reach::Never
        }
        [0x2000..=0x3fff, ..] => Reach::Public,
        _ => Reach::Never,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_sorted() {
        for (text, wanted) in [
            ("8.8.8.8", Reach::Public),
            ("52.216.0.1", Reach::Public),
            ("172.15.0.1", Reach::Public),
            ("172.32.0.1", Reach::Public),
            ("100.128.0.1", Reach::Public),
            ("2606:4700::1111", Reach::Public),
            ("127.0.0.1", Reach::Inside),
            ("127.255.0.3", Reach::Inside),
            ("10.1.2.3", Reach::Inside),
            ("172.16.0.1", Reach::Inside),
            ("172.31.255.255", Reach::Inside),
            ("192.168.1.1", Reach::Inside),
            ("169.254.1.1", Reach::Inside),
            ("100.64.0.1", Reach::Inside),
            ("::1", Reach::Inside),
            ("fc00::1", Reach::Inside),
            ("fd12:3456::1", Reach::Inside),
            ("fe80::1", Reach::Inside),
            ("::ffff:127.0.0.1", Reach::Inside),
            ("::ffff:10.0.0.1", Reach::Inside),
            ("0.0.0.0", Reach::Never),
            ("0.1.2.3", Reach::Never),
            ("169.254.169.254", Reach::Never),
            ("169.254.170.2", Reach::Never),
            ("100.100.100.200", Reach::Never),
            ("168.63.129.16", Reach::Never),
            ("224.0.0.1", Reach::Never),
            ("239.1.1.1", Reach::Never),
            ("240.0.0.1", Reach::Never),
            ("255.255.255.255", Reach::Never),
            ("192.0.2.1", Reach::Never),
            ("198.18.0.1", Reach::Never),
            ("203.0.113.9", Reach::Never),
            ("::", Reach::Never),
            ("::ffff:169.254.169.254", Reach::Never),
            ("::ffff:0.0.0.0", Reach::Never),
            ("::127.0.0.1", Reach::Never),
            ("64:ff9b::7f00:1", Reach::Never),
            ("2002:7f00:1::", Reach::Never),
            ("2001:0:1::1", Reach::Never),
            ("2001:db8::1", Reach::Never),
            ("fd00:ec2::254", Reach::Never),
            ("ff02::1", Reach::Never),
            ("fec0::1", Reach::Never),
        ] {
            assert_eq!(reach(text.parse().unwrap()), wanted, "{text}");
        }
    }
}
