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
use poem::middleware::CookieJarManager;
use poem::{Endpoint, EndpointExt, Response, Route, get};

use accounts::service::{Accounts, AccountsError};
use accounts::store::expiry;
use config::{Config, ConfigError};
use db::sweep::Sweeper;
pub use db::{Db, DbError};
use export::Exports;
use fault::Fault;
pub use http::middleware::Outermost;
pub use http::routes::Routes;
use http::{health, routes, static_files};
use serve::Draining;
use tasks::{Tasks, tombstones};

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
    let expiries = expiry::EXPIRIES.into_iter().chain(tombstones::EXPIRIES).collect();
    let sweeper = Sweeper::start(db.clone(), expiries);
    let accounts = Arc::new(accounts(db.clone(), sweeper.clone()));
    let tasks = Arc::new(Tasks::new(db.clone(), sweeper, config.tasks_max));
    let exports = Arc::new(Exports::new(db.clone()));

    let document = openapi::document()?;
    let outermost = Outermost {
        routes: Routes::of(&document),
        origins: config.cors_origins().into(),
        enforces_https: config.enforces_https(),
        trusted_proxies: config.trusted_proxies.clone().into(),
    };
    let document = document.to_string();
    let api = openapi::service()
        .with(CookieJarManager::new())
        .data(accounts)
        .data(tasks)
        .data(exports);
    let ready = get(health::ready).data(db.clone()).data(draining);
    let mut routes = Route::new()
        .nest_no_strip("/api", api)
        .at(routes::OPENAPI, get(json(document)))
        .at(routes::LIVE, get(health::live))
        .at(routes::READY, ready)
        .nest_no_strip("/", static_files::client);
    if config.docs {
        routes = routes.nest_no_strip(routes::DOCS, static_files::docs);
    }
    Ok((routes.with(outermost), db))
}

/// An endpoint with a constant response.
fn json(text: String) -> impl Endpoint + use<> {
    let body = Bytes::from(text);
    make_sync(move |_| Response::builder().content_type("application/json").body(body.clone()))
}
