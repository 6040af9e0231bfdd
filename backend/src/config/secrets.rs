//! The secrets that sign: as configured, or drawn once and kept beside the database.

use std::fmt;
use std::fs;
use std::io::Write;
use std::path::Path;

use base64::prelude::{BASE64_STANDARD, Engine};

use super::ConfigError;

/// The shortest secret, in bytes.
const SECRET_MIN: usize = 32;
/// A secret with fewer different bytes was typed, not drawn.
const SECRET_VARIETY: usize = 10;
pub(super) const MAKE_SECRET: &str = "Make one with `openssl rand -base64 32`.";

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

/// A secret that signs, and its number.
#[derive(Clone, Debug)]
pub struct Version {
    /// From 1. What the secret signs names it as `kid`.
    pub number: u32,
    /// The secret.
    pub secret: Secret,
}

/// The secrets of this server. The newest signs; what any of them signed is accepted.
#[derive(Clone, Debug)]
pub struct Secrets {
    /// The one with the highest number.
    pub newest: Version,
    /// The others.
    pub older: Vec<Version>,
}

impl Secrets {
    /// The only one, which is version 1.
    fn single(secret: Secret) -> Self {
        let newest = Version { number: 1, secret };
        Self {
            newest,
            older: Vec::new(),
        }
    }

    /// The secret of `BETTER_AUTH_SECRET`.
    pub(super) fn lone(secret: &Secret) -> Result<Self, ConfigError> {
        check(secret.expose(), "BETTER_AUTH_SECRET")?;
        Ok(Self::single(secret.clone()))
    }

    /// The secrets of `BETTER_AUTH_SECRETS`, such as `2:NEW,1:OLD`, in any order.
    pub(super) fn versioned(list: &Secret) -> Result<Self, ConfigError> {
        let mut versions = list.expose().split(',').map(version).collect::<Result<Vec<_>, _>>()?;
        versions.sort_by_key(|version| version.number);
        for (at, version) in versions.iter().enumerate() {
            let name = format!("Version {} of BETTER_AUTH_SECRETS", version.number);
            check(version.secret.expose(), &name)?;
            let others = versions.iter().take(at);
            if others.clone().any(|other| other.number == version.number) {
                return Err(ConfigError(format!(
                    "{name} is there twice. Give each secret a number of its own; the highest signs."
                )));
            }
            if others
                .clone()
                .any(|other| other.secret.expose() == version.secret.expose())
            {
                return Err(ConfigError(format!(
                    "{name} is the same secret as an older one. {MAKE_SECRET}"
                )));
            }
        }
        let newest = versions.pop().ok_or_else(form)?;
        Ok(Self {
            newest,
            older: versions,
        })
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &Version> {
        std::iter::once(&self.newest).chain(&self.older)
    }

    /// Draws a secret and keeps it in `file`, or reads the one that is kept there.
    pub(super) fn kept(file: &Path) -> Result<Self, ConfigError> {
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
        check(kept.trim(), "It").map_err(|error| trouble(&error))?;
        Ok(Self::single(Secret(kept.trim().to_owned())))
    }
}

/// What the list must look like. It does not repeat what it found: that may be a secret.
fn form() -> ConfigError {
    ConfigError(format!(
        "BETTER_AUTH_SECRETS must look like 2:NEW,1:OLD: a number from 1, a colon and a secret without a comma, for each. \
         {MAKE_SECRET}"
    ))
}

fn version(entry: &str) -> Result<Version, ConfigError> {
    let (number, secret) = entry.trim().split_once(':').ok_or_else(form)?;
    let digits = number.bytes().all(|byte| byte.is_ascii_digit());
    let number = number.parse().ok().filter(|number| digits && *number > 0);
    Ok(Version {
        number: number.ok_or_else(form)?,
        secret: Secret(secret.to_owned()),
    })
}

/// Refuses a secret that can be guessed. `name` begins the sentence.
fn check(secret: &str, name: &str) -> Result<(), ConfigError> {
    let mut bytes: Vec<u8> = secret.bytes().collect();
    let length = bytes.len();
    bytes.sort_unstable();
    bytes.dedup();
    if length < SECRET_MIN {
        return Err(ConfigError(format!(
            "{name} has {length} bytes; at least {SECRET_MIN} are needed. {MAKE_SECRET}"
        )));
    }
    if bytes.len() < SECRET_VARIETY {
        return Err(ConfigError(format!(
            "{name} is too regular to be a secret. {MAKE_SECRET}"
        )));
    }
    Ok(())
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
