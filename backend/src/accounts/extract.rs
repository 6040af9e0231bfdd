//! Extractors of credentials. They are capabilities: only a verified token yields a [`Caller`] (the user of the path), an
//! [`AnyUser`], a [`Member`] (a user with a session), or one of these who was recently authenticated, and outside of `accounts` only these yield the [`UserId`](crate::accounts::user_id::UserId) that the functions of the stores require.
//!
//! The OpenAPI document lists the credential extractors among the arguments of an operation as its alternative security
//! requirements.

use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

use poem::http::header;
use poem::{Request, RequestBody, Result};
use poem_openapi::registry::{MetaParamIn, MetaSchemaRef, MetaSecurityScheme, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use crate::accounts::cookies::{REFRESH_COOKIE, TWO_FACTOR_COOKIE};
use crate::accounts::identity::{Identity, Membership};
use crate::accounts::service::Accounts;
use crate::fault::Fault;
use crate::http::client::Client;
use crate::http::cors;
use crate::http::path;
use crate::http::problem::Problem;

/// The name of the security scheme of access tokens in the OpenAPI document.
const BEARER: &str = "bearer";

/// The user of a valid token who matches the `{user_id}` of the path.
pub struct Caller(Identity);

impl Deref for Caller {
    type Target = Identity;

    fn deref(&self) -> &Identity {
        &self.0
    }
}

impl<'a> ApiExtractor<'a> for Caller {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::Parameter, ApiExtractorType::SecurityScheme];
    const PARAM_IS_REQUIRED: bool = true;
    type ParamType = String;
    type ParamRawType = String;

    fn register(registry: &mut Registry) {
        register_bearer(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        vec![BEARER]
    }

    fn param_in() -> Option<MetaParamIn> {
        Some(MetaParamIn::Path)
    }

    fn param_schema_ref() -> Option<MetaSchemaRef> {
        Some(String::schema_ref())
    }

    async fn from_request(request: &'a Request, _: &mut RequestBody, _: ExtractParamOptions<String>) -> Result<Self> {
        let identity = authorize(request).await?;
        if identity.is(&path::parameter(request, 0)) {
            Ok(Self(identity))
        } else {
            Err(Problem::Forbidden.into())
        }
    }
}

/// The user of a valid token, with a session or of the external issuer.
pub struct AnyUser(Identity);

impl Deref for AnyUser {
    type Target = Identity;

    fn deref(&self) -> &Identity {
        &self.0
    }
}

/// The user of a valid token who was authenticated within the last 15 minutes, which sensitive operations require.
pub struct RecentUser(Identity);

impl Deref for RecentUser {
    type Target = Identity;

    fn deref(&self) -> &Identity {
        &self.0
    }
}

/// A user with a session; not a user of the external issuer.
pub struct Member(Membership);

impl Deref for Member {
    type Target = Membership;

    fn deref(&self) -> &Membership {
        &self.0
    }
}

/// A member whose password was verified within the last 15 minutes, which sensitive operations require.
pub struct RecentMember(Membership);

impl Deref for RecentMember {
    type Target = Membership;

    fn deref(&self) -> &Membership {
        &self.0
    }
}

/// The user of the bearer token; none if the token is missing or invalid.
pub struct OptionalBearer(pub Option<Identity>);

/// Implements an extractor that is constructed from the bearer token.
macro_rules! bearer_extractor {
    ($extractor:ty, $request:ident => $extract:expr) => {
        impl<'a> ApiExtractor<'a> for $extractor {
            const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
            type ParamType = ();
            type ParamRawType = ();

            fn register(registry: &mut Registry) {
                register_bearer(registry);
            }

            fn security_schemes() -> Vec<&'static str> {
                vec![BEARER]
            }

            async fn from_request(
                $request: &'a Request,
                _: &mut RequestBody,
                _: ExtractParamOptions<()>,
            ) -> Result<Self> {
                Ok($extract)
            }
        }
    };
}

bearer_extractor!(AnyUser, request => Self(authorize(request).await?));
bearer_extractor!(RecentUser, request => Self(recent(request).await?));
bearer_extractor!(Member, request => Self(member(request).await?));
bearer_extractor!(RecentMember, request => Self(recent_member(request).await?));
bearer_extractor!(OptionalBearer, request => Self(optional(request).await?));

fn register_bearer(registry: &mut Registry) {
    let scheme = MetaSecurityScheme {
        ty: "http",
        description: Some("An access token, which every sign-in returns."),
        name: None,
        key_in: None,
        scheme: Some("bearer"),
        bearer_format: Some("JWT"),
        flows: None,
        openid_connect_url: None,
    };
    registry.create_security_scheme(BEARER, scheme);
}

/// The bearer token of a request.
pub fn bearer(request: &Request) -> Option<&str> {
    let (scheme, token) = request.header(header::AUTHORIZATION)?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// The user of the bearer token, if the operation requires one. A write counts. [`Problem::TooMany`] if the user writes too
/// much.
async fn authorize(request: &Request) -> Result<Identity, Problem> {
    let identity = identify(request).await?;
    if !request.method().is_safe() {
        accounts(request)?.write_limit.count(&identity.user)?;
    }
    Ok(identity)
}

async fn identify(request: &Request) -> Result<Identity, Problem> {
    let token = bearer(request).ok_or(Problem::Unauthenticated)?;
    let client = request.data::<Client>().ok_or_else(Client::missing)?;
    let identity = accounts(request)?.identify(token, client).await?;
    client.set_user_id(identity.user.as_str());
    Ok(identity)
}

async fn optional(request: &Request) -> Result<Option<Identity>, Problem> {
    match identify(request).await {
        Ok(identity) => Ok(Some(identity)),
        Err(Problem::Unauthenticated) => Ok(None),
        Err(problem) => Err(problem),
    }
}

async fn member(request: &Request) -> Result<Membership, Problem> {
    authorize(request).await?.membership().ok_or(Problem::Unauthenticated)
}

async fn recent(request: &Request) -> Result<Identity, Problem> {
    let identity = authorize(request).await?;
    identity.require_recent_authentication()?;
    Ok(identity)
}

async fn recent_member(request: &Request) -> Result<Membership, Problem> {
    let identity = authorize(request).await?;
    let member = identity.clone().membership().ok_or(Problem::Unauthenticated)?;
    identity.require_recent_authentication()?;
    Ok(member)
}

fn accounts(request: &Request) -> Result<&Arc<Accounts>, Problem> {
    let accounts = request.data();
    accounts.ok_or_else(|| Fault::internal("the request has no accounts service").into())
}

/// A cookie that is a credential.
pub trait CredentialCookie {
    /// The name of the security scheme in the OpenAPI document.
    const SCHEME: &'static str;
    /// The name of the cookie, without `__Host-`.
    const NAME: &'static str;
    /// Its description in the OpenAPI document.
    const DESCRIPTION: &'static str;
}

/// The cookie with the refresh token.
pub struct Refresh;

impl CredentialCookie for Refresh {
    const SCHEME: &'static str = "cookie";
    const NAME: &'static str = REFRESH_COOKIE;
    const DESCRIPTION: &'static str =
        "The refresh token, which every sign-in sets. With HTTPS the name of the cookie has the prefix `__Host-`.";
}

/// The cookie of a pending sign-in, which requires a code.
pub struct TwoFactor;

impl CredentialCookie for TwoFactor {
    const SCHEME: &'static str = "two_factor";
    const NAME: &'static str = TWO_FACTOR_COOKIE;
    const DESCRIPTION: &'static str =
        "Set by a sign-in that requires a code. With HTTPS the name of the cookie has the prefix `__Host-`.";
}

/// The value of a credential cookie, if the request has one and its origin is allowed to use it.
pub struct FromCookie<C>(Result<Option<String>, Problem>, PhantomData<fn() -> C>);

impl<C> FromCookie<C> {
    /// The value; none if there is no such cookie. [`Problem::ForbiddenOrigin`] if the request comes from a web page whose
    /// origin is not allowed to use cookies.
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
        let accounts = accounts(request)?;
        let value = if cors::may_use_cookies(request, &accounts.cookie_origins) {
            Ok(accounts.cookies.get(request.cookie(), C::NAME))
        } else {
            Err(Problem::ForbiddenOrigin)
        };
        Ok(Self(value, PhantomData))
    }
}

/// No credential, as the last alternative of an operation that also serves unauthenticated requests.
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
