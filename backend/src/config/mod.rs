//! The configuration: command-line flags and environment variables. Secrets are redacted in `Debug`.

mod external;
mod log;
mod secrets;

use std::fs;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Parser;
use clap::builder::NonEmptyStringValueParser;
use ipnet::IpNet;
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use sqlx::sqlite::SqliteConnectOptions;
use tracing_subscriber::filter::Targets;

pub use external::External;
pub use log::LogFormat;
use secrets::GENERATE_SECRET;
pub use secrets::{Secrets, Version};

/// The configuration of the server. Each flag can also be set by the environment variable of the same name.
#[derive(Clone, Debug, Parser)]
#[command(args_override_self = true)]
pub struct Config {
    /// The database: sqlite://FILE or postgres://USER:PASSWORD@HOST/NAME
    #[arg(long, env, default_value = "sqlite://docket.db", hide_env_values = true)]
    pub database_url: SecretString,

    /// Maximum number of connections to the database; on SQLite these read, and one more writes
    #[arg(long, env, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub database_max_connections: u32,

    /// Timeout of database operations in seconds; PostgreSQL only
    #[arg(long, env, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=600))]
    pub database_timeout: u32,

    /// Address or host name and port to listen on; port 0 picks a free port
    #[arg(long, env, default_value = "127.0.0.1:8000", value_parser = address)]
    pub bind: SocketAddr,

    /// Secret that signs access tokens; generated and stored beside the database for SQLite on loopback, otherwise required
    #[arg(long, env, hide_env_values = true)]
    pub better_auth_secret: Option<SecretString>,

    /// Numbered secrets for rotation, as 2:NEW,1:OLD: the highest number signs, all verify; instead of BETTER_AUTH_SECRET
    #[arg(long, env, hide_env_values = true)]
    pub better_auth_secrets: Option<SecretString>,

    /// Files with Ed25519 private keys (PEM), separated by commas; the first signs tokens, all verify and are published
    #[arg(long, env, value_delimiter = ',')]
    pub signing_key_files: Vec<PathBuf>,

    /// Accept tokens that another service signed
    #[arg(long, env, default_value_t = false, action = clap::ArgAction::Set)]
    pub trust_external_tokens: bool,

    /// Required `iss` of external tokens
    #[arg(long, env, value_parser = NonEmptyStringValueParser::new())]
    pub external_issuer: Option<String>,

    /// Required `aud` of external tokens; required with EXTERNAL_JWKS_URL
    #[arg(long, env, value_parser = NonEmptyStringValueParser::new())]
    pub external_audience: Option<String>,

    /// URL of the external issuer's JWKS; if unset, external tokens are verified with BETTER_AUTH_SECRET
    #[arg(long, env, value_parser = NonEmptyStringValueParser::new())]
    pub external_jwks_url: Option<String>,

    /// Web origins, besides the server's own, that may call the API, separated by commas [default: http://localhost:8080 and http://127.0.0.1:8080 if BIND and BETTER_AUTH_URL are loopback addresses without https, else none]
    #[arg(long, env, value_delimiter = ',', value_parser = origin)]
    cors_origins: Vec<String>,

    /// Public URL of the client, for links in mails, the attributes of cookies and origin checks [default: http://localhost and the port of BIND]
    #[arg(long, env, value_parser = origin)]
    pub better_auth_url: Option<String>,

    /// SMTP server: smtps://USER:PASSWORD@HOST, or smtp://USER:PASSWORD@HOST:587?tls=required; if unset, no mail is sent
    #[arg(long, env, hide_env_values = true)]
    pub smtp_url: Option<SecretString>,

    /// From address of outgoing mail, such as "Docket <docket@example.com>"; required with SMTP_URL
    #[arg(long, env)]
    pub mail_from: Option<String>,

    /// Lifetime of an access token in seconds
    #[arg(long, env, default_value_t = 900, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub access_token_ttl: u32,

    /// Minimum length of new passwords in characters; 15 is recommended
    #[arg(long, env, default_value_t = 8, value_parser = clap::value_parser!(u32).range(8..=128))]
    pub password_min_length: u32,

    /// Memory of a password hash (Argon2id) in KiB
    #[arg(long, env, default_value_t = 19_456, value_parser = clap::value_parser!(u32).range(7_168..=1_048_576))]
    pub argon2_memory_kib: u32,

    /// Iterations of a password hash
    #[arg(long, env, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=16))]
    pub argon2_iterations: u32,

    /// Parallelism parameter of a password hash; more lanes do not make hashing faster
    #[arg(long, env, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=16))]
    pub argon2_lanes: u32,

    /// Rate limits of guesses at passwords and codes, and of writes: on, or off for load tests
    #[arg(long, env, default_value = "on", value_parser = on_off, action = clap::ArgAction::Set)]
    pub rate_limit: bool,

    /// Maximum number of tasks of a user
    #[arg(long, env, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub tasks_max: u32,

    /// Addresses and networks (10.0.0.0/8) of the proxies whose X-Forwarded-For is trusted, separated by commas
    #[arg(long, env, value_delimiter = ',', value_parser = network)]
    pub trusted_proxies: Vec<IpNet>,

    /// Seconds for which the server keeps serving after SIGTERM, while /health/ready is 503
    #[arg(long, env, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=3600))]
    pub shutdown_delay: u32,

    /// Swagger UI at /docs: on, or off
    #[arg(long, env, default_value = "on", value_parser = on_off, action = clap::ArgAction::Set)]
    pub docs: bool,

    /// Log level: off, error, warn, info, debug or trace, optionally with levels of modules, such as info,docket=debug
    #[arg(long, env, default_value = "info", value_parser = log::filter)]
    pub log: Targets,

    /// The format of the log
    #[arg(long, env, default_value = "text", value_enum)]
    pub log_format: LogFormat,
}

/// Parses a socket address, or a host name and a port. A name resolves to its first IPv4 address, if it has one, which is what
/// clients on the same machine use.
fn address(text: &str) -> Result<SocketAddr, String> {
    let advice = "write an address and a port, such as 127.0.0.1:8000, [::1]:8000 or localhost:8000";
    let (host, _) = text.rsplit_once(':').ok_or(advice)?;
    if host.is_empty() {
        return Err(advice.to_owned());
    }
    let found = text.to_socket_addrs().map_err(|error| format!("{error}; {advice}"))?;
    let found: Vec<SocketAddr> = found.collect();
    let first = found.iter().find(|address| address.is_ipv4()).or(found.first());
    first.copied().ok_or_else(|| format!("{host} has no address; {advice}"))
}

/// Parses an origin into the form that browsers send: scheme and host in lower case, and the port unless it is the default of
/// the scheme.
fn origin(text: &str) -> Result<String, String> {
    let text = text.trim();
    let host = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let url = host
        .filter(|host| !host.contains(['/', '?', '#', '@']))
        .and_then(|_| Url::parse(text).ok());
    match url {
        Some(url) => Ok(url.origin().ascii_serialization()),
        None => Err("write an origin without a path, such as https://tasks.example".to_owned()),
    }
}

fn on_off(text: &str) -> Result<bool, String> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("write on or off".to_owned()),
    }
}

/// Parses a network in CIDR notation, or an address as a network of one host.
fn network(text: &str) -> Result<IpNet, String> {
    let text = text.trim();
    let network = text
        .parse()
        .or_else(|_| text.parse().map(|address: IpAddr| address.into()));
    network.map_err(|_| "write an address such as 10.0.0.1, or a network such as 10.0.0.0/8".to_owned())
}

/// Connection settings of the database.
#[derive(Clone, Copy)]
pub struct DatabaseConfig<'a> {
    /// `sqlite://…` or `postgres://…`
    pub url: &'a str,
    /// Maximum number of connections, at least 1. On SQLite these read, and one more writes.
    pub max_connections: u32,
    /// Timeout of operations on PostgreSQL.
    pub timeout: Duration,
}

/// The SMTP server and the sender of mail.
#[derive(Clone, Copy)]
pub struct SmtpSettings<'a> {
    /// `smtps://…` or `smtp://…`, with credentials.
    pub url: &'a str,
    /// From address, optionally with a display name.
    pub from: &'a str,
}

/// The parameters of Argon2id.
#[derive(Clone, Copy, Debug)]
pub struct Argon2Cost {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Number of iterations (time cost).
    pub iterations: u32,
    /// Degree of parallelism.
    pub lanes: u32,
}

/// The origins of `trunk serve`, which serves the client during development.
const DEVELOPMENT_ORIGINS: [&str; 2] = ["http://localhost:8080", "http://127.0.0.1:8080"];

/// An invalid configuration. The message says what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub(crate) String);

impl Config {
    /// The settings of the database. Fails if the URL has an unknown scheme, or if the parent folder of the SQLite file does not
    /// exist.
    pub fn database(&self) -> Result<DatabaseConfig<'_>, ConfigError> {
        let url = self.database_url.expose_secret();
        let known = ["sqlite:", "postgres:", "postgresql:"];
        if !known.iter().any(|scheme| url.starts_with(scheme)) {
            return Err(ConfigError(
                "DATABASE_URL must begin with sqlite:// or postgres://, such as sqlite://docket.db.".to_owned(),
            ));
        }
        if url.contains(":memory:") || url.contains("mode=memory") {
            return Err(ConfigError(
                "DATABASE_URL must name a file: each connection to an in-memory database would open a separate database."
                    .to_owned(),
            ));
        }
        match self.sqlite_file().as_deref().and_then(Path::parent) {
            Some(folder) if folder != "" && !folder.is_dir() => {
                let folder = folder.display();
                Err(ConfigError(format!(
                    "The folder of the database, {folder}, does not exist. Create it (mkdir -p '{folder}'), or set \
                     DATABASE_URL to a file in another folder."
                )))
            }
            _ => Ok(DatabaseConfig {
                url,
                max_connections: self.database_max_connections,
                timeout: Duration::from_secs(self.database_timeout.into()),
            }),
        }
    }

    /// The public URL of the client, without a trailing slash.
    pub fn public_url(&self) -> String {
        self.better_auth_url
            .clone()
            .unwrap_or_else(|| format!("http://localhost:{}", self.bind.port()))
    }

    /// The origins, besides the server's own, whose pages may call the API with credentials. By default those of `trunk serve`,
    /// but only on a machine of a developer: anything may listen on port 8080 of the machine of a user.
    pub fn cors_origins(&self) -> Vec<String> {
        let is_for_development = self.bind.ip().is_loopback() && self.is_public_on_loopback() && !self.is_https();
        if self.cors_origins.is_empty() && is_for_development {
            DEVELOPMENT_ORIGINS.map(str::to_owned).to_vec()
        } else {
            self.cors_origins.clone()
        }
    }

    /// The origins that may use cookies, besides the origin that `Host` names, which differs from the public one behind some
    /// proxies.
    pub fn cookie_origins(&self) -> Vec<String> {
        let public = self.better_auth_url.iter().cloned();
        public.chain(self.cors_origins()).collect()
    }

    /// The parameters of password hashing. Fails if the former name of a setting is in the environment, because ignoring it
    /// would weaken the hashes.
    pub fn argon2_cost(&self) -> Result<Argon2Cost, ConfigError> {
        if std::env::var_os("ARGON2_PASSES").is_some() {
            return Err(ConfigError(
                "ARGON2_PASSES is now ARGON2_ITERATIONS. Rename it where it is set, such as in .env.".to_owned(),
            ));
        }
        Ok(Argon2Cost {
            memory_kib: self.argon2_memory_kib,
            iterations: self.argon2_iterations,
            lanes: self.argon2_lanes,
        })
    }

    /// Whether the public URL is https.
    pub fn is_https(&self) -> bool {
        self.public_url().starts_with("https://")
    }

    fn is_public_on_loopback(&self) -> bool {
        Url::parse(&self.public_url()).is_ok_and(|url| has_loopback_host(&url))
    }

    /// Whether browsers are told to use https only. Not on a loopback address, where it would affect every other server of the
    /// machine.
    pub fn enforces_https(&self) -> bool {
        self.is_https() && !self.is_public_on_loopback()
    }

    /// Whether passwords and tokens may cross a network unencrypted, as far as the settings tell.
    pub fn is_exposed_without_https(&self) -> bool {
        !self.bind.ip().is_loopback() && !self.is_https()
    }

    /// The SMTP settings; none if no mail is sent. Fails if mail could be read on the network, or if the base of its links is
    /// unknown.
    pub fn smtp(&self) -> Result<Option<SmtpSettings<'_>>, ConfigError> {
        let Some(url) = &self.smtp_url else { return Ok(None) };
        let from = self.mail_from.as_deref().ok_or_else(|| {
            ConfigError(
                "SMTP_URL needs MAIL_FROM: the From address of outgoing mail, such as Docket <docket@example.com>."
                    .to_owned(),
            )
        })?;
        if is_unencrypted(url.expose_secret()) {
            return Err(ConfigError(
                "SMTP_URL would send mail, whose links give access to accounts, unencrypted to another host. Use smtps://, or \
                 append ?tls=required."
                    .to_owned(),
            ));
        }
        if self.better_auth_url.is_none() {
            return Err(ConfigError(
                "SMTP_URL needs BETTER_AUTH_URL: the public URL of the server, such as https://tasks.example, which the links \
                 in mails begin with."
                    .to_owned(),
            ));
        }
        Ok(Some(SmtpSettings {
            url: url.expose_secret(),
            from,
        }))
    }

    /// The signing secrets. If none is set, SQLite on loopback uses a generated secret that is stored beside the database.
    pub fn secrets(&self) -> Result<Secrets, ConfigError> {
        match (&self.better_auth_secrets, &self.better_auth_secret) {
            (Some(list), single) => {
                let secrets = Secrets::versioned(list)?;
                let listed = |single: &SecretString| {
                    secrets
                        .all()
                        .any(|version| version.secret.expose_secret() == single.expose_secret())
                };
                if single.as_ref().is_none_or(listed) {
                    Ok(secrets)
                } else {
                    Err(ConfigError(
                        "BETTER_AUTH_SECRET is not among BETTER_AUTH_SECRETS. Add it there with a number of its own, \
                         or unset it."
                            .to_owned(),
                    ))
                }
            }
            (None, Some(secret)) => Secrets::checked(secret),
            (None, None) => match self.sqlite_file() {
                Some(file) if self.bind.ip().is_loopback() => Secrets::stored(&file.with_added_extension("secret")),
                _ => Err(ConfigError(format!(
                    "BETTER_AUTH_SECRET is required for PostgreSQL, and unless BIND is a loopback address. {GENERATE_SECRET}"
                ))),
            },
        }
    }

    /// The private key files and their contents (PEM).
    pub fn signing_keys(&self) -> Result<Vec<(PathBuf, SecretString)>, ConfigError> {
        let read = |file: &PathBuf| match fs::read_to_string(file) {
            Ok(pem) => Ok((file.clone(), SecretString::from(pem))),
            Err(error) => Err(ConfigError(format!(
                "The file {} in SIGNING_KEY_FILES cannot be read: {error}. Correct the path or the permissions, or remove it \
                 from the list.",
                file.display()
            ))),
        };
        self.signing_key_files.iter().map(read).collect()
    }

    /// The external issuer; none unless `TRUST_EXTERNAL_TOKENS` is true.
    pub fn external(&self) -> Result<Option<External>, ConfigError> {
        External::from_config(self)
    }

    /// The SQLite database file; none for PostgreSQL.
    pub(crate) fn sqlite_file(&self) -> Option<PathBuf> {
        let url = self.database_url.expose_secret();
        let options: SqliteConnectOptions = url.starts_with("sqlite:").then(|| url.parse().ok())??;
        Some(options.get_filename().to_owned())
    }
}

/// Whether mail would be sent unencrypted to another host. The URL is parsed as lettre parses it.
fn is_unencrypted(smtp_url: &str) -> bool {
    Url::parse(smtp_url).is_ok_and(|url| {
        let tls = url.query_pairs().find(|(name, _)| name == "tls");
        let encrypts = tls.is_some_and(|(_, value)| value == "required");
        url.scheme() == "smtp" && !encrypts && !has_loopback_host(&url)
    })
}

/// Whether the host of a URL is this machine.
fn has_loopback_host(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}
