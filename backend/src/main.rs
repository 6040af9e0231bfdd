//! The server's process: read the configuration, start the log, serve until told to stop, or do the one thing it was told.

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use docket::command::{self, Command};
use docket::config::Config;
use poem::listener::{Acceptor, Listener, TcpListener};
use poem::{Endpoint, Server};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// The system's allocator keeps the 19 MiB of each password hash for every thread that ever made one.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long requests that are under way may take after the server was told to stop.
const GRACE: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> ExitCode {
    let config = Config::parse();
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(format!("poem=warn,{}", config.log)))
        .with_writer(std::io::stderr)
        .init();
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
        None => serve(config, docket::app(config).await?).await?,
    }
    Ok(())
}

async fn serve(config: &Config, app: impl Endpoint + 'static) -> Result<(), Box<dyn std::error::Error>> {
    let listener = TcpListener::bind(config.bind).into_acceptor().await;
    let acceptor = listener.map_err(|error| format!("cannot listen on {}: {error}. Set BIND.", config.bind))?;
    for address in acceptor.local_addr() {
        if let Some(address) = address.as_socket_addr() {
            tracing::info!("listening on http://{address}");
        }
    }
    let mut terminate = signal(SignalKind::terminate())?;
    let stop = async move {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        tracing::info!("stopping");
    };
    Server::new_with_acceptor(acceptor)
        .run_with_graceful_shutdown(app, stop, Some(GRACE))
        .await?;
    Ok(())
}
