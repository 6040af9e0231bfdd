//! Links to a page of the client with a token, which authorizes one operation, once.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use sha2::{Digest, Sha256};

use crate::accounts::random::random;
use crate::accounts::store::one_time_tokens::TokenHash;
use crate::fault::Fault;

/// A link, and the hash of its token for the database.
pub struct Link {
    /// The URL. The token is in the fragment, which browsers do not send, so that no log of a proxy contains it.
    pub url: String,
    /// The hash of the token.
    pub hash: TokenHash,
}

impl Link {
    /// Generates a link to `page`, a path, below `public_url`.
    pub fn generate(public_url: &str, page: &str) -> Result<Self, Fault> {
        let token = BASE64_URL_SAFE_NO_PAD.encode(random::<32>()?);
        let url = format!("{public_url}{page}#token={token}");
        let hash = hash(&token);
        Ok(Self { url, hash })
    }
}

/// The stored hash of the token in a link.
pub fn hash(token: &str) -> TokenHash {
    Sha256::digest(token).into()
}
