//! Who asks: the network address, the browser, and the name of the request in the log.

use std::net::IpAddr;

use poem::http::header;
use poem::{FromRequest, Request, RequestBody, Result};

/// The most characters kept of what a browser calls itself.
const USER_AGENT_MAX: usize = 255;

/// What the edge calls the request; also its `X-Request-Id`.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

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
        let address = request.remote_addr().as_socket_addr();
        let user_agent = request.header(header::USER_AGENT);
        let id = request.extensions().get::<RequestId>();
        Ok(Self {
            address: address.map(|address| address.ip().to_canonical()),
            user_agent: user_agent.map(|agent| agent.chars().take(USER_AGENT_MAX).collect()),
            request_id: id.map(|id| id.0.clone()).unwrap_or_default(),
        })
    }
}
