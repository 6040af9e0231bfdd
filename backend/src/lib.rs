//! Docket's server. [`app`] is all the wiring: read it first.
//!
//! A request's way: `app` -> `auth` turns the bearer token into a `Caller` -> `routes` -> `db` -> a type of `shared` -> JSON.

mod auth;
mod client;
pub mod command;
pub mod config;
mod cors;
mod db;
mod edge;
mod issuer;
mod json;
pub mod openapi;
mod problem;
mod ready;
mod routes;
pub mod serve;

use std::sync::Arc;

use bytes::Bytes;
use ipnet::IpNet;
use poem::endpoint::make_sync;
use poem::http::header;
use poem::middleware::{CookieJarManager, SetHeader};
use poem::{Endpoint, EndpointExt, Response, Route, get};
use tokio::sync::Semaphore;

use auth::mail::Mailer;
use auth::password::Passwords;
use auth::session::Cookies;
use auth::throttle::Throttle;
use auth::token::Tokens;
use config::Config;
use db::session_check::SessionCheck;
pub use db::{Db, DbError};
use edge::Edge;
use issuer::Issuer;
use openapi::Methods;
use problem::Problem;
use ready::ReadyCache;
use serve::Draining;

/// Swagger UI is one page of inline script and style.
const DOCS_POLICY: &str = "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The most exports that are sent at the same time.
const EXPORTS_MAX: usize = 16;

/// What the operations share. The server keeps no state of its own but answers that can be made again.
pub struct App {
    db: Db,
    sessions: SessionCheck,
    tokens: Tokens,
    cookies: Cookies,
    passwords: Passwords,
    /// None when the server has no way to send mail.
    mailer: Option<Mailer>,
    /// The address that people open, without a slash at the end.
    public_url: String,
    throttle: Throttle,
    ready: ReadyCache,
    issuer: Option<Issuer>,
    /// The origins whose pages may use our cookies, besides the one that `Host` names.
    page_origins: Vec<String>,
    trusted_proxies: Vec<IpNet>,
    draining: Draining,
    /// The exports that may be sent at the same time: each holds a page of tasks, for as long as the client takes.
    exports: Arc<Semaphore>,
}

/// Why the server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration is wrong; the text says what to do.
    #[error(transparent)]
    Config(#[from] config::ConfigError),
    /// The database cannot be used.
    #[error("The database cannot be used: {0}. Check DATABASE_URL, and that the database is up.")]
    Database(#[from] DbError),
    /// The OpenAPI document cannot be made.
    #[error("The OpenAPI document cannot be made: {0}.")]
    Document(#[from] serde_json::Error),
    /// The system has no randomness, or the like.
    #[error("The server cannot start: {0}.")]
    Problem(String),
}

impl From<Problem> for StartError {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem.reason().unwrap_or_default().to_owned())
    }
}

/// Everything that the server serves, and its database, to be closed when nothing is served any more. Once `draining` has
/// begun, it says that it is not ready.
pub async fn app(
    config: &Config,
    draining: Draining,
) -> Result<(impl Endpoint<Output = Response> + use<>, Db), StartError> {
    let database = config.database()?;
    let secrets = config.secrets()?;
    let tokens = Tokens::new(config, &secrets)?;
    let external = config.external()?;
    let issuer = external.map(|external| Issuer::new(external, &secrets)).transpose()?;
    let mailer = config.mailer()?;
    let db = Db::connect(database).await?;
    let app = Arc::new(App {
        sessions: SessionCheck::start(db.clone(), database.timeout),
        throttle: Throttle::new(db.clone(), config.rate_limit),
        db: db.clone(),
        tokens,
        cookies: Cookies {
            secure: config.is_https(),
        },
        mailer,
        public_url: config.public_url(),
        passwords: Passwords::new(config.password_cost(), config.password_min_length)?,
        ready: ReadyCache::default(),
        issuer,
        page_origins: config.page_origins(),
        trusted_proxies: config.trusted_proxies.clone(),
        draining,
        exports: Arc::new(Semaphore::new(EXPORTS_MAX)),
    });

    let document = openapi::document()?;
    let edge = Edge {
        methods: Methods::of(&document),
        origins: config.cors_origins.clone().into(),
    };
    let document = document.to_string();
    let api = openapi::service().with(CookieJarManager::new());
    let routes = Route::new()
        .nest_no_strip("/api", api)
        .at("/docs", get(docs(&document)))
        .at("/openapi.json", get(page("application/json", document)))
        .at("/health/live", get(routes::health::live))
        .at("/health/ready", get(routes::health::ready))
        .nest_no_strip("/", routes::ui::ui)
        .data(app)
        .with(edge);
    Ok((routes, db))
}

/// A page that is the same for everyone.
fn page(media_type: &'static str, text: String) -> impl Endpoint + use<> {
    let body = Bytes::from(text);
    make_sync(move |_| Response::builder().content_type(media_type).body(body.clone()))
}

/// Swagger UI, which shows the document as it is served and not as the framework made it.
fn docs(document: &str) -> impl Endpoint + use<> {
    let service = openapi::service();
    let html = service.swagger_ui_html().replacen(&service.spec(), document, 1);
    page("text/html; charset=utf-8", html)
        .with(SetHeader::new().overriding(header::CONTENT_SECURITY_POLICY, DOCS_POLICY))
}
