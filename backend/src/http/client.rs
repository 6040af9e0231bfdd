//! Metadata of a request: client address, `User-Agent` and request id. The middleware stores it in the request's extensions;
//! operations extract it from there.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};

use ipnet::IpNet;
use poem::http::header;
use poem::{FromRequest, Request, RequestBody, Result};

use crate::fault::Fault;
use crate::http::problem::Problem;
use crate::network::network;

/// Maximum stored length of a `User-Agent`, in characters.
const USER_AGENT_MAX: usize = 255;

/// The client of a request.
#[derive(Clone, Debug)]
pub struct Client {
    /// The network address; none if there is no network connection.
    pub address: Option<IpAddr>,
    /// The `User-Agent`, truncated to 255 characters.
    pub user_agent: Option<String>,
    /// The `X-Request-Id` of the response.
    pub request_id: String,
    /// The id of the user, once a credential was verified. Shared by all clones, so that the middleware sees it.
    user_id: Arc<OnceLock<String>>,
}

impl Client {
    /// The operator who runs the command `name` on the server.
    pub fn local(name: &str, request_id: String) -> Self {
        Self {
            address: None,
            user_agent: Some(name.to_owned()),
            request_id,
            user_id: Arc::default(),
        }
    }

    /// The address as it is stored.
    pub fn address_text(&self) -> Option<String> {
        self.address.map(|address| address.to_string())
    }

    /// The network of the address, as a key of counters: the IPv4 address, or the IPv6 network with that prefix length. Empty
    /// without a network connection.
    pub fn network(&self, prefix: u8) -> String {
        let network = self.address.map(|address| network(address, prefix).to_string());
        network.unwrap_or_default()
    }

    /// Records the user of a verified credential, for the access log.
    pub fn set_user_id(&self, id: &str) {
        // The first one counts.
        let _ = self.user_id.set(id.to_owned());
    }

    /// The id of the user, if a credential was verified.
    pub fn user_id(&self) -> Option<&str> {
        self.user_id.get().map(String::as_str)
    }

    /// The problem when a request has no client, which the middleware inserts.
    pub fn missing() -> Problem {
        Fault::internal("the middleware did not identify the client").into()
    }

    /// The client of a request. `X-Forwarded-For` is used if it comes from a proxy in `trusted`.
    pub fn of(request: &Request, request_id: &str, trusted: &[IpNet]) -> Self {
        let peer = request.remote_addr().as_socket_addr();
        let user_agent = request.header(header::USER_AGENT);
        Self {
            address: peer.map(|peer| address(request, peer.ip(), trusted)),
            user_agent: user_agent.map(|agent| agent.chars().take(USER_AGENT_MAX).collect()),
            request_id: request_id.to_owned(),
            user_id: Arc::default(),
        }
    }
}

impl<'a> FromRequest<'a> for Client {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> Result<Self> {
        let client = request.data::<Self>().cloned();
        Ok(client.ok_or_else(Self::missing)?)
    }
}

/// The client address: follows `X-Forwarded-For` from right to left as long as the sender is a trusted proxy, starting with
/// `peer`. Lines are one list. Entries are parsed as bytes, one by one, so that an invalid entry of the client cannot hide the
/// entries that a proxy appended.
fn address(request: &Request, peer: IpAddr, trusted: &[IpNet]) -> IpAddr {
    let lines = request.headers().get_all("x-forwarded-for").iter();
    let hops: Vec<&[u8]> = lines
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .collect();
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

/// Parses an address, with or without a port. An IPv4-mapped IPv6 address is converted to IPv4.
fn parsed(hop: &[u8]) -> Option<IpAddr> {
    let hop = str::from_utf8(hop).ok()?.trim();
    let address = hop.parse().or_else(|_| hop.parse().map(|hop: SocketAddr| hop.ip()));
    address.ok().map(|address: IpAddr| address.to_canonical())
}
