//! The server's process: read the configuration, start the log, serve until told to stop, or do the one thing it was told.

use std::io::{IsTerminal, stderr};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use docket::command::{self, Command};
use docket::config::Config;
use docket::serve::{Draining, Limits, serve, stop_signal};
use poem::Endpoint;
use tokio::net::TcpListener;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// The system's allocator keeps the 19 MiB of each password hash for every thread that ever made one.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    let config = Config::parse();
    let has_colours = stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let log = tracing_subscriber::fmt::layer()
        .with_ansi(has_colours)
        .with_writer(stderr);
    tracing_subscriber::registry().with(config.log.clone()).with(log).init();
    match run(&config).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("docket: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(config: &Config) -> Result<(), Box<dyn std::error::Error>> {
    match &config.command {
        Some(Command::ResetPassword { email }) => println!("{}", command::reset_password(config, email).await?),
        Some(Command::Backup { file }) => println!("{}", command::backup(config, file).await?),
        None => run_server(config).await?,
    }
    Ok(())
}

async fn run_server(config: &Config) -> Result<(), Box<dyn std::error::Error>> {
    let draining = Draining::default();
    let (app, db) = docket::app(config, draining.clone()).await?;
    let served = listen(config, app, draining).await;
    // A handler that outlived the grace finds the database closed.
    db.close().await;
    served?;
    tracing::info!("stopped");
    Ok(())
}

async fn listen(
    config: &Config,
    app: impl Endpoint + 'static,
    draining: Draining,
) -> Result<(), Box<dyn std::error::Error>> {
    let listener = TcpListener::bind(config.bind).await;
    let listener = listener.map_err(|error| format!("cannot listen on {}: {error}. Set BIND.", config.bind))?;
    let stop = stop_signal(draining, Duration::from_secs(config.shutdown_delay.into()))?;
    tracing::info!("listening on http://{}", listener.local_addr()?);
    serve(listener, app, Limits::of_process(config.database_max_connections), stop).await;
    Ok(())
}
