//! Credentials besides the required bearer token. Each is an argument of the operations that take it, and the OpenAPI document
//! lists the arguments of an operation as its alternatives.

use std::marker::PhantomData;

use poem::{Request, RequestBody, Result};
use poem_openapi::registry::{MetaSecurityScheme, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use super::{Identity, Member, app, identity, session, two_factor};
use crate::cors;
use crate::problem::Problem;

/// The user of the bearer token; none if the token is missing or not valid.
pub struct OptionalBearer(pub Option<Identity>);

impl<'a> ApiExtractor<'a> for OptionalBearer {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        Member::register(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        Member::security_schemes()
    }

    async fn from_request(request: &'a Request, _: &mut RequestBody, _: ExtractParamOptions<()>) -> Result<Self> {
        Ok(Self(identity(request).await?))
    }
}

/// A cookie that is a credential.
pub trait CredentialCookie {
    /// The name of the security scheme in the OpenAPI document.
    const SCHEME: &'static str;
    /// The name of the cookie, without `__Host-`.
    const NAME: &'static str;
    /// What the OpenAPI document says about it.
    const DESCRIPTION: &'static str;
}

/// The cookie with the refresh token.
pub struct Refresh;

impl CredentialCookie for Refresh {
    const SCHEME: &'static str = "cookie";
    const NAME: &'static str = session::REFRESH_COOKIE;
    const DESCRIPTION: &'static str =
        "The refresh token, which every sign-in sets. With https the name of the cookie begins with `__Host-`.";
}

/// The cookie of a sign-in that waits for a code.
pub struct TwoFactor;

impl CredentialCookie for TwoFactor {
    const SCHEME: &'static str = "two_factor";
    const NAME: &'static str = two_factor::COOKIE;
    const DESCRIPTION: &'static str =
        "Set by a sign-in that needs a code. With https the name of the cookie begins with `__Host-`.";
}

/// The value of a credential cookie, if the request has one and may use it.
pub struct FromCookie<C>(Result<Option<String>, Problem>, PhantomData<fn() -> C>);

impl<C> FromCookie<C> {
    /// The value; none if there is no such cookie. [`Problem::ForbiddenOrigin`] if the request comes from a web page of an
    /// origin that may not use cookies.
    pub fn value(self) -> Result<Option<String>, Problem> {
        self.0
    }
}

impl<'a, C: CredentialCookie> ApiExtractor<'a> for FromCookie<C> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        let scheme = MetaSecurityScheme {
            ty: "apiKey",
            description: Some(C::DESCRIPTION),
            name: Some(C::NAME),
            key_in: Some("cookie"),
            scheme: None,
            bearer_format: None,
            flows: None,
            openid_connect_url: None,
        };
        registry.create_security_scheme(C::SCHEME, scheme);
    }

    fn security_schemes() -> Vec<&'static str> {
        vec![C::SCHEME]
    }

    async fn from_request(request: &'a Request, _: &mut RequestBody, _: ExtractParamOptions<()>) -> Result<Self> {
        let app = app(request)?;
        let value = if cors::may_use_cookies(request, &app.page_origins) {
            Ok(app.cookies.get(request.cookie(), C::NAME))
        } else {
            Err(Problem::ForbiddenOrigin)
        };
        Ok(Self(value, PhantomData))
    }
}

/// No credential at all, as the last alternative of an operation that serves such requests too.
pub struct Anonymous;

impl<'a> ApiExtractor<'a> for Anonymous {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
    type ParamType = ();
    type ParamRawType = ();

    fn has_security_fallback() -> bool {
        true
    }

    async fn from_request(_: &'a Request, _: &mut RequestBody, _: ExtractParamOptions<()>) -> Result<Self> {
        Ok(Self)
    }
}
