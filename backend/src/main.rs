//! The process: parses the command line, initialises logging, and runs the server or a command.

use std::io::{IsTerminal, stderr};
use std::panic;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use docket::command::Command;
use docket::config::{Config, LogFormat};
use docket::serve::{Draining, Limits, serve, stop_signal};
use poem::Endpoint;
use tokio::net::TcpListener;
use tracing_subscriber::Layer;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// The system allocator does not return the 19 MiB of a password hash, for each thread that has computed one.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The command line.
#[derive(Parser)]
#[command(
    name = "docket",
    version,
    about = "Docket: a multi-user task list. API, OpenAPI document and web client.",
    args_override_self = true
)]
struct Cli {
    /// The command to run; without one, the server starts
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    config: Config,
}

#[tokio::main]
async fn main() -> ExitCode {
    let Cli { command, config } = Cli::parse();
    start_log(&config);
    match run(command, &config).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("docket: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Sends the log to stderr. A panic is a line of it, too.
fn start_log(config: &Config) {
    let lines = tracing_subscriber::fmt::layer().with_writer(stderr);
    let lines = match config.log_format {
        LogFormat::Text => {
            let has_colours =
                stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
            lines.with_ansi(has_colours).boxed()
        }
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).boxed(),
    };
    tracing_subscriber::registry()
        .with(config.log.clone())
        .with(lines)
        .init();
    // As a string, so that its line breaks are escaped.
    panic::set_hook(Box::new(|info| {
        tracing::error!(panic = info.to_string(), "a thread panicked")
    }));
}

async fn run(command: Option<Command>, config: &Config) -> Result<(), Box<dyn std::error::Error>> {
    match command {
        Some(command) => println!("{}", command.run(config).await?),
        None => run_server(config).await?,
    }
    Ok(())
}

async fn run_server(config: &Config) -> Result<(), Box<dyn std::error::Error>> {
    let draining = Draining::default();
    let (app, db) = docket::app(config, draining.clone()).await?;
    let served = listen(config, app, draining).await;
    // Handlers that are still running after the grace period get an error from the closed database.
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
    if config.is_exposed_without_https() {
        tracing::warn!(
            "BIND is not a loopback address, and BETTER_AUTH_URL is not https: passwords and tokens can cross the network \
             unencrypted. Put a TLS-terminating proxy in front, and set BETTER_AUTH_URL to its https:// URL."
        );
    }
    tracing::info!("listening on http://{}", listener.local_addr()?);
    serve(
        listener,
        app,
        Limits::for_process(config.database_max_connections, &config.trusted_proxies),
        stop,
    )
    .await;
    Ok(())
}
