//! The network of an address. Clients are counted by network, because a client with an IPv6 network has many addresses.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv6Net};

/// The network of an IPv6 address with that prefix length, or the IPv4 address alone. An IPv4-mapped IPv6 address is an IPv4
/// address.
pub fn network(address: IpAddr, prefix: u8) -> IpNet {
    let address = address.to_canonical();
    match address {
        IpAddr::V6(v6) => Ipv6Net::new(v6, prefix).map_or_else(|_| address.into(), |network| network.trunc().into()),
        IpAddr::V4(_) => address.into(),
    }
}
