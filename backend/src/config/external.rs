//! Settings of an external token issuer.

use reqwest::Url;

use super::{Config, ConfigError, has_loopback_host};

/// An external issuer whose tokens are accepted.
#[derive(Clone, Debug)]
pub struct External {
    /// The required `iss`; any if none.
    pub issuer: Option<String>,
    /// The required `aud`; any if none. Required with a JWKS: without it, a token that the issuer signed for another service, and
    /// which that service has seen, would be valid here.
    pub audience: Option<String>,
    /// The URL of the issuer's JWKS. If none, the tokens are verified with the signing secret.
    pub jwks_url: Option<Url>,
}

impl External {
    pub(super) fn from_config(config: &Config) -> Result<Option<Self>, ConfigError> {
        let external = Self {
            issuer: config.external_issuer.clone(),
            audience: config.external_audience.clone(),
            jwks_url: config.external_jwks_url.as_deref().map(jwks_url).transpose()?,
        };
        if config.trust_external_tokens {
            external.check()?;
            Ok(Some(external))
        } else if external.is_empty() {
            Ok(None)
        } else {
            Err(ConfigError(
                "EXTERNAL_ISSUER, EXTERNAL_AUDIENCE and EXTERNAL_JWKS_URL have no effect unless TRUST_EXTERNAL_TOKENS is true. \
                 Set it to true, or unset them."
                    .to_owned(),
            ))
        }
    }

    fn is_empty(&self) -> bool {
        self.issuer.is_none() && self.audience.is_none() && self.jwks_url.is_none()
    }

    fn check(&self) -> Result<(), ConfigError> {
        let missing = match (&self.jwks_url, &self.issuer, &self.audience) {
            (Some(_), None, _) => "EXTERNAL_ISSUER: the `iss` of the tokens that these keys sign.",
            (Some(_), _, None) => {
                "EXTERNAL_AUDIENCE: the `aud` of the tokens that are meant for this server, because the keys also sign tokens \
                 for other services."
            }
            _ => return Ok(()),
        };
        Err(ConfigError(format!("EXTERNAL_JWKS_URL requires {missing}")))
    }
}

/// Parses a URL that is https, or http on a loopback address, so that the response cannot be tampered with on the network.
fn jwks_url(text: &str) -> Result<Url, ConfigError> {
    let url = Url::parse(text)
        .ok()
        .filter(|url| url.scheme() == "https" || url.scheme() == "http" && has_loopback_host(url));
    url.ok_or_else(|| {
        ConfigError(
            "EXTERNAL_JWKS_URL must begin with https://, or with http:// for a service on this machine (localhost)."
                .to_owned(),
        )
    })
}
