//! The secrets that sign access tokens: as configured, or generated once and stored beside the database.

use std::fmt;
use std::fs;
use std::io::Write;
use std::path::Path;

use base64::prelude::{BASE64_STANDARD, Engine};
use secrecy::{ExposeSecret, SecretString};

use super::ConfigError;

/// Minimum length of a secret in bytes.
const SECRET_MIN: usize = 32;
/// Minimum number of distinct bytes. A secret with fewer was typed, not generated.
const SECRET_VARIETY: usize = 10;
pub(super) const GENERATE_SECRET: &str = "Generate one with `openssl rand -base64 32`.";

/// A version of the signing secret.
#[derive(Clone, Debug)]
pub struct Version {
    /// From 1; the `kid` of the tokens that the secret signs.
    pub number: u32,
    /// The secret.
    pub secret: SecretString,
}

/// The signing secrets. The newest signs; all of them verify.
#[derive(Clone, Debug)]
pub struct Secrets {
    /// The one with the highest number.
    pub newest: Version,
    /// The others.
    pub older: Vec<Version>,
}

impl Secrets {
    /// One secret, as version 1.
    fn single(secret: SecretString) -> Self {
        let newest = Version { number: 1, secret };
        Self {
            newest,
            older: Vec::new(),
        }
    }

    /// The secret of `BETTER_AUTH_SECRET`.
    pub(super) fn checked(secret: &SecretString) -> Result<Self, ConfigError> {
        check(secret.expose_secret(), "BETTER_AUTH_SECRET")?;
        Ok(Self::single(secret.clone()))
    }

    /// The secrets of `BETTER_AUTH_SECRETS`, such as `2:NEW,1:OLD`, in any order.
    pub(super) fn versioned(list: &SecretString) -> Result<Self, ConfigError> {
        let mut versions = list
            .expose_secret()
            .split(',')
            .map(version)
            .collect::<Result<Vec<_>, _>>()?;
        versions.sort_by_key(|version| version.number);
        for (at, version) in versions.iter().enumerate() {
            let name = format!("Version {} of BETTER_AUTH_SECRETS", version.number);
            check(version.secret.expose_secret(), &name)?;
            let others = versions.iter().take(at);
            if others.clone().any(|other| other.number == version.number) {
                return Err(ConfigError(format!(
                    "{name} occurs twice. Give each secret a number of its own; the highest signs."
                )));
            }
            if others
                .clone()
                .any(|other| other.secret.expose_secret() == version.secret.expose_secret())
            {
                return Err(ConfigError(format!(
                    "{name} is the same secret as an older one. {GENERATE_SECRET}"
                )));
            }
        }
        let newest = versions.pop().ok_or_else(malformed_list)?;
        Ok(Self {
            newest,
            older: versions,
        })
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &Version> {
        std::iter::once(&self.newest).chain(&self.older)
    }

    /// Reads the secret in `file`. If there is no such file, generates a secret and stores it there.
    pub(super) fn stored(file: &Path) -> Result<Self, ConfigError> {
        let unusable = |error: &dyn fmt::Display| {
            ConfigError(format!(
                "The signing secret {} can neither be read nor created: {error}. Correct that, or set BETTER_AUTH_SECRET.",
                file.display()
            ))
        };
        let mut random = [0; SECRET_MIN];
        getrandom::fill(&mut random).map_err(|error| unusable(&error))?;
        let generated = BASE64_STANDARD.encode(random);
        if !file.exists() {
            store(file, &generated).map_err(|error| unusable(&error))?;
        }
        let stored = fs::read_to_string(file).map_err(|error| unusable(&error))?;
        check(stored.trim(), "It").map_err(|error| unusable(&error))?;
        Ok(Self::single(stored.trim().into()))
    }
}

/// The error for a malformed list. It does not quote the list, which may contain secrets.
fn malformed_list() -> ConfigError {
    ConfigError(format!(
        "BETTER_AUTH_SECRETS must look like 2:NEW,1:OLD: a number from 1, a colon and a secret without a comma, for each. \
         {GENERATE_SECRET}"
    ))
}

fn version(entry: &str) -> Result<Version, ConfigError> {
    let (number, secret) = entry.trim().split_once(':').ok_or_else(malformed_list)?;
    let digits = number.bytes().all(|byte| byte.is_ascii_digit());
    let number = number.parse().ok().filter(|number| digits && *number > 0);
    Ok(Version {
        number: number.ok_or_else(malformed_list)?,
        secret: secret.into(),
    })
}

/// Rejects a secret that can be guessed. `name` is the subject of the error message.
fn check(secret: &str, name: &str) -> Result<(), ConfigError> {
    let mut bytes: Vec<u8> = secret.bytes().collect();
    let length = bytes.len();
    bytes.sort_unstable();
    bytes.dedup();
    if length < SECRET_MIN {
        return Err(ConfigError(format!(
            "{name} has {length} bytes; at least {SECRET_MIN} are needed. {GENERATE_SECRET}"
        )));
    }
    if bytes.len() < SECRET_VARIETY {
        return Err(ConfigError(format!(
            "{name} is too regular to be a secret. {GENERATE_SECRET}"
        )));
    }
    Ok(())
}

/// Writes the file atomically. If two servers start at once, the file of the first one stays.
fn store(file: &Path, generated: &str) -> std::io::Result<()> {
    let draft = file.with_added_extension(std::process::id().to_string());
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut content = options.open(&draft)?;
    content.write_all(generated.as_bytes())?;
    content.sync_all()?;
    let linked = fs::hard_link(&draft, file);
    fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}
