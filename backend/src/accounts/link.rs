//! Links with a one-time token, to a page of the client.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use sha2::{Digest, Sha256};

use crate::accounts::random::random;
use crate::accounts::store::one_time_tokens::{NewToken, Purpose, TokenHash};
use crate::fault::Fault;

/// A new link below `public_url`, and its token as it is to be stored. `email` is the address that it will be sent to, if any.
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

/// The hash of the token in a link, as it is stored.
pub fn hash(token: &str) -> TokenHash {
    Sha256::digest(token).into()
}
