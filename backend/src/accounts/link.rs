//! Links to a page of the client with a one-time token.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use sha2::{Digest, Sha256};

use crate::accounts::random::random;
use crate::accounts::store::one_time_tokens::{NewToken, Purpose, TokenHash};
use crate::fault::Fault;

/// Generates a link below `public_url`, and its token for the database. `email` is the address to which the link is sent, if
/// any.
pub fn generate(public_url: &str, purpose: Purpose, email: Option<String>) -> Result<(String, NewToken), Fault> {
    let token = BASE64_URL_SAFE_NO_PAD.encode(random::<32>()?);
    let page = match purpose {
        Purpose::ResetPassword => "reset-password",
        Purpose::VerifyEmail | Purpose::ChangeEmail => "verify-email",
    };
    let link = format!("{public_url}/{page}?token={token}");
    let hash = hash(&token);
    Ok((link, NewToken { hash, purpose, email }))
}

/// The stored hash of the token in a link.
pub fn hash(token: &str) -> TokenHash {
    Sha256::digest(token).into()
}
