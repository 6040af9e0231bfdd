//! The Docket server. [`app`] wires everything together; start reading there. ARCHITECTURE.md describes the modules.

mod accounts;
pub mod command;
pub mod config;
mod db;
mod export;
mod fault;
mod http;
mod network;
pub mod openapi;
pub mod serve;
mod tasks;

use std::sync::Arc;

use bytes::Bytes;
use poem::endpoint::make_sync;
use poem::http::header;
use poem::middleware::{CookieJarManager, SetHeader};
use poem::{Endpoint, EndpointExt, Response, Route, get};

use accounts::service::{Accounts, AccountsError};
use config::{Config, ConfigError};
pub use db::{Db, DbError};
use export::Exports;
use fault::Fault;
pub use http::middleware::Outermost;
pub use http::routes::Routes;
use http::{health, static_files};
use serve::Draining;
use tasks::Tasks;

/// The Content-Security-Policy of Swagger UI, which is a page with inline script and style.
const DOCS_POLICY: &str = "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Why the server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration is invalid. The message says what to do.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The database cannot be used.
    #[error("The database cannot be used: {0}. Check DATABASE_URL, and that the database is up.")]
    Database(#[from] DbError),
    /// The OpenAPI document cannot be generated.
    #[error("The OpenAPI document cannot be generated: {0}.")]
    Document(#[from] serde_json::Error),
    /// A system call failed.
    #[error("The server cannot start: {0}.")]
    Fault(#[from] Fault),
}

impl From<AccountsError> for StartError {
    fn from(error: AccountsError) -> Self {
        match error {
            AccountsError::Config(error) => Self::Config(error),
            AccountsError::Fault(fault) => Self::Fault(fault),
        }
    }
}

/// The root endpoint of the server, and its database, which the caller closes after serving. Readiness fails once `draining`
/// has begun.
pub async fn app(
    config: &Config,
    draining: Draining,
) -> Result<(impl Endpoint<Output = Response> + use<>, Db), StartError> {
    let database = config.database()?;
    let accounts = Accounts::configure(config, database.timeout)?;
    let db = Db::connect(database).await?;
    let accounts = Arc::new(accounts(db.clone()));
    let tasks = Arc::new(Tasks::new(db.clone(), config.tasks_max));
    let exports = Arc::new(Exports::new(db.clone()));

    let document = openapi::document()?;
    let outermost = Outermost {
        routes: Routes::of(&document),
        origins: config.cors_origins.clone().into(),
        trusted_proxies: config.trusted_proxies.clone().into(),
    };
    let document = document.to_string();
    let api = openapi::service()
        .with(CookieJarManager::new())
        .data(accounts)
        .data(tasks)
        .data(exports);
    let ready = get(health::ready).data(db.clone()).data(draining);
    let routes = Route::new()
        .nest_no_strip("/api", api)
        .at("/docs", get(docs(&document)))
        .at("/openapi.json", get(page("application/json", document)))
        .at("/health/live", get(health::live))
        .at("/health/ready", ready)
        .nest_no_strip("/", static_files::client)
        .with(outermost);
    Ok((routes, db))
}

/// An endpoint with a constant response.
fn page(media_type: &'static str, text: String) -> impl Endpoint + use<> {
    let body = Bytes::from(text);
    make_sync(move |_| Response::builder().content_type(media_type).body(body.clone()))
}

/// Swagger UI with the completed document in place of the one that the framework generates.
fn docs(document: &str) -> impl Endpoint + use<> {
    let service = openapi::service();
    let html = service.swagger_ui_html().replacen(&service.spec(), document, 1);
    page("text/html; charset=utf-8", html)
        .with(SetHeader::new().overriding(header::CONTENT_SECURITY_POLICY, DOCS_POLICY))
}
