//! The configuration: flags and environment, one struct. What is secret does not print.

use std::fmt;
use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use base64::prelude::{BASE64_STANDARD, Engine};
use clap::Parser;
use poem::http::Uri;

use crate::auth::mail::Mailer;
use crate::command::Command;

/// The shortest signing secret, in bytes.
const SECRET_MIN: usize = 32;
/// A secret with fewer different bytes was typed, not drawn.
const SECRET_VARIETY: usize = 10;
const MAKE_SECRET: &str = "Make one with `openssl rand -base64 32` and set BETTER_AUTH_SECRET to it.";

/// How the server runs. Each flag can also be given by the environment variable beside it.
#[derive(Clone, Debug, Parser)]
#[command(args_override_self = true)]
#[command(
    name = "docket",
    version,
    about = "Docket: tasks for many people. API, OpenAPI document and web client."
)]
pub struct Config {
    /// What to do; without it, serve
    #[command(subcommand)]
    pub command: Option<Command>,

    /// Where the data is: sqlite://FILE or postgres://USER:PASSWORD@HOST/NAME
    #[arg(long, env, default_value = "sqlite://docket.db", hide_env_values = true)]
    pub database_url: Secret,

    /// The address and port to listen on; port 0 picks a free one
    #[arg(long, env, default_value = "127.0.0.1:8000")]
    pub bind: SocketAddr,

    /// The secret that signs tokens; made and kept beside the database for SQLite on loopback, required otherwise
    #[arg(long, env, hide_env_values = true)]
    pub better_auth_secret: Option<Secret>,

    /// Accept tokens without a session that were signed elsewhere with the same secret
    #[arg(long, env, default_value_t = false, action = clap::ArgAction::Set)]
    pub trust_external_tokens: bool,

    /// The web origins, besides the server's own, that may call the API, separated by commas
    #[arg(
        long,
        env,
        value_delimiter = ',', value_parser = origin,
        default_value = "http://localhost:8080,http://127.0.0.1:8080"
    )]
    pub cors_origins: Vec<String>,

    /// The address that people open, for links in mails and for the form of cookies [default: http://localhost and the port of BIND]
    #[arg(long, env, value_parser = origin)]
    pub better_auth_url: Option<String>,

    /// The mail server: smtps://USER:PASSWORD@HOST, or smtp://USER:PASSWORD@HOST:587?tls=required; without it no mail is sent
    #[arg(long, env, hide_env_values = true)]
    pub smtp_url: Option<Secret>,

    /// Whom mails are from, such as "Docket <docket@example.com>"; required with SMTP_URL
    #[arg(long, env)]
    pub mail_from: Option<String>,

    /// How long an access token lasts, in seconds
    #[arg(long, env, default_value_t = 900, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub access_token_ttl: u32,

    /// What to log: error, warn, info, debug, or a filter such as docket=debug,sqlx=warn
    #[arg(long, env, default_value = "info")]
    pub log: String,
}

/// An origin as browsers send it: scheme and host, perhaps a port, and nothing more.
fn origin(text: &str) -> Result<String, String> {
    let text = text.trim();
    let host = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    match host {
        Some(host) if !host.is_empty() && !host.contains('/') => Ok(text.to_owned()),
        _ => Err("an origin looks like https://tasks.example, without a path".to_owned()),
    }
}

/// Text that does not print.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl std::str::FromStr for Secret {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// A configuration that the server must not start with; the text says what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(String);

impl Config {
    /// Checks that the database's address is one of the two kinds.
    pub fn database(&self) -> Result<&str, ConfigError> {
        let url = self.database_url.expose();
        let known = ["sqlite:", "postgres:", "postgresql:"];
        if !known.iter().any(|scheme| url.starts_with(scheme)) {
            return Err(ConfigError(
                "DATABASE_URL must begin with sqlite:// or postgres://, such as sqlite://docket.db.".to_owned(),
            ));
        }
        if url.contains(":memory:") || url.contains("mode=memory") {
            return Err(ConfigError(
                "DATABASE_URL must name a file: each connection to a database in memory would see another one."
                    .to_owned(),
            ));
        }
        Ok(url)
    }

    /// The address that people open, without a slash at the end.
    pub fn public_url(&self) -> String {
        self.better_auth_url
            .clone()
            .unwrap_or_else(|| format!("http://localhost:{}", self.bind.port()))
    }

    /// Whether people come by https.
    pub fn is_https(&self) -> bool {
        self.public_url().starts_with("https://")
    }

    /// The way to send mail, if there is one.
    pub fn mailer(&self) -> Result<Option<Mailer>, ConfigError> {
        let Some(url) = &self.smtp_url else { return Ok(None) };
        let from = self.mail_from.as_deref().ok_or_else(|| {
            ConfigError(
                "SMTP_URL needs MAIL_FROM: whom mails are from, such as Docket <docket@example.com>.".to_owned(),
            )
        })?;
        if shows_password(url.expose()) {
            return Err(ConfigError(
                "SMTP_URL would send its password unencrypted. Write smtps://, or add ?tls=required at the end."
                    .to_owned(),
            ));
        }
        Mailer::new(url.expose(), from).map(Some).map_err(ConfigError)
    }

    /// The signing secret. For SQLite on loopback a missing one is drawn and kept beside the database.
    pub fn signing_secret(&self) -> Result<Secret, ConfigError> {
        if let Some(secret) = &self.better_auth_secret {
            check_secret(secret.expose())?;
            return Ok(secret.clone());
        }
        match self.sqlite_file() {
            Some(file) if self.bind.ip().is_loopback() => kept_secret(&file.with_added_extension("secret")),
            _ => Err(ConfigError(format!(
                "BETTER_AUTH_SECRET is required for PostgreSQL and for an address that others can reach. {MAKE_SECRET}"
            ))),
        }
    }

    /// The file of the database, if it is one.
    pub(crate) fn sqlite_file(&self) -> Option<PathBuf> {
        let rest = self.database_url.expose().strip_prefix("sqlite:")?;
        let rest = rest.strip_prefix("//").unwrap_or(rest);
        let file = rest.split_once('?').map_or(rest, |(file, _)| file);
        Some(PathBuf::from(file))
    }
}

/// Whether a mail server is told its password without encryption, where others can listen.
fn shows_password(smtp_url: &str) -> bool {
    smtp_url.parse().is_ok_and(|url: Uri| {
        let has_user = url
            .authority()
            .is_some_and(|authority| authority.as_str().contains('@'));
        let encrypts = url.query().is_some_and(|query| query.contains("tls=required"));
        let is_here = matches!(url.host(), Some("localhost" | "127.0.0.1" | "[::1]"));
        url.scheme_str() == Some("smtp") && has_user && !encrypts && !is_here
    })
}

fn check_secret(secret: &str) -> Result<(), ConfigError> {
    let mut bytes: Vec<u8> = secret.bytes().collect();
    let length = bytes.len();
    bytes.sort_unstable();
    bytes.dedup();
    if length < SECRET_MIN {
        return Err(ConfigError(format!(
            "BETTER_AUTH_SECRET has {length} bytes; at least {SECRET_MIN} are needed. {MAKE_SECRET}"
        )));
    }
    if bytes.len() < SECRET_VARIETY {
        return Err(ConfigError(format!(
            "BETTER_AUTH_SECRET is too regular to be a secret. {MAKE_SECRET}"
        )));
    }
    Ok(())
}

fn kept_secret(file: &Path) -> Result<Secret, ConfigError> {
    let trouble = |error: &dyn fmt::Display| {
        ConfigError(format!(
            "The signing secret {} can neither be read nor made: {error}. Mend that, or set BETTER_AUTH_SECRET.",
            file.display()
        ))
    };
    let mut random = [0; SECRET_MIN];
    getrandom::fill(&mut random).map_err(|error| trouble(&error))?;
    let drawn = BASE64_STANDARD.encode(random);
    if !file.exists() {
        keep(file, &drawn).map_err(|error| trouble(&error))?;
    }
    let kept = fs::read_to_string(file).map_err(|error| trouble(&error))?;
    check_secret(kept.trim()).map_err(|error| trouble(&error))?;
    Ok(Secret(kept.trim().to_owned()))
}

/// Writes the file whole or not at all; of two servers that start at once, the first one's stays.
fn keep(file: &Path, drawn: &str) -> std::io::Result<()> {
    let draft = file.with_added_extension(std::process::id().to_string());
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut content = options.open(&draft)?;
    content.write_all(drawn.as_bytes())?;
    content.sync_all()?;
    let linked = fs::hard_link(&draft, file);
    fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}
