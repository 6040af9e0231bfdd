//! Who asks: the network address, the browser, and the name of the request in the log.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use ipnet::IpNet;
use poem::http::header;
use poem::{FromRequest, Request, RequestBody, Result};

use crate::App;

/// The most characters kept of what a browser calls itself.
const USER_AGENT_MAX: usize = 255;

/// What the edge calls the request; also its `X-Request-Id`.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

impl RequestId {
    /// The id of a request; empty if it did not come by the edge.
    pub fn of(request: &Request) -> &str {
        request.extensions().get::<Self>().map_or("", |id| &id.0)
    }
}

/// Where a request comes from.
#[derive(Clone, Debug)]
pub struct Client {
    /// Its network address; none when it did not come through one.
    pub address: Option<IpAddr>,
    /// What its browser calls itself, cut to 255 characters.
    pub user_agent: Option<String>,
    /// The `X-Request-Id` of its answer.
    pub request_id: String,
}

impl Client {
    /// The address as it is stored.
    pub fn address_text(&self) -> Option<String> {
        self.address.map(|address| address.to_string())
    }
}

impl<'a> FromRequest<'a> for Client {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> Result<Self> {
        let proxies = request.data::<Arc<App>>().map_or(&[][..], |app| &app.trusted_proxies);
        let peer = request.remote_addr().as_socket_addr();
        let user_agent = request.header(header::USER_AGENT);
        Ok(Self {
            address: peer.map(|peer| address(request, peer.ip(), proxies)),
            user_agent: user_agent.map(|agent| agent.chars().take(USER_AGENT_MAX).collect()),
            request_id: RequestId::of(request).to_owned(),
        })
    }
}

/// Who is behind `peer`: each proxy that is trusted is believed about the one that it speaks for, and nobody else is.
fn address(request: &Request, peer: IpAddr, trusted: &[IpNet]) -> IpAddr {
    let lines = request.headers().get_all("x-forwarded-for").iter();
    let texts = lines.filter_map(|line| line.to_str().ok());
    let hops: Vec<&str> = texts.flat_map(|text| text.split(',')).collect();
    let mut address = peer.to_canonical();
    for hop in hops.into_iter().rev() {
        let is_trusted = trusted.iter().any(|network| network.contains(&address));
        match parsed(hop) {
            Some(hop) if is_trusted => address = hop,
            _ => break,
        }
    }
    address
}

/// An address, with or without a port. IPv4 in the clothes of IPv6 is IPv4.
fn parsed(hop: &str) -> Option<IpAddr> {
    let hop = hop.trim();
    let address = hop.parse().or_else(|_| hop.parse().map(|hop: SocketAddr| hop.ip()));
    address.ok().map(|address: IpAddr| address.to_canonical())
}
