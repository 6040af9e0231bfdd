//! Cursors of paged lists: the position after which a page begins, as an opaque text in a query, and the `Link` to the next
//! page.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::fault::Fault;

/// The position in a cursor; none if the cursor is invalid.
pub fn position<P: DeserializeOwned>(cursor: &str) -> Option<P> {
    let json = BASE64_URL_SAFE_NO_PAD.decode(cursor).ok()?;
    serde_json::from_slice(&json).ok()
}

/// The value of the `Link` header to the page at `path` that begins after `position`. `query` has the other parameters.
pub fn next_page(path: &str, query: &str, position: &impl Serialize) -> Result<String, Fault> {
    let json = serde_json::to_vec(position)
        .map_err(|error| Fault::internal("serializing a cursor failed").caused_by(error))?;
    let cursor = BASE64_URL_SAFE_NO_PAD.encode(json);
    Ok(format!("<{path}?{query}&cursor={cursor}>; rel=\"next\""))
}
