//! The commands of the binary besides serving.

mod backup;
mod reset_password;
mod revoke_sessions;

use std::error::Error;
use std::path::PathBuf;

use clap::Subcommand;

use crate::config::{Config, DatabaseConfig};
use crate::db::{Db, DbError};

/// A command.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Print a link with which the owner of an account can choose a new password, once, within an hour
    ResetPassword {
        /// The e-mail address of the account
        email: String,
    },
    /// End all sessions of a user, and refuse the tokens that the external issuer has issued for the user so far
    RevokeSessions {
        /// The e-mail address, the id, or the `sub` of external tokens
        user: String,
    },
    /// Copy the SQLite database to a new file while the server runs
    Backup {
        /// The file to create; it must not exist
        file: PathBuf,
    },
}

impl Command {
    /// Runs the command. The server may be running. Returns the output; an error says what to do.
    pub async fn run(&self, config: &Config) -> Result<String, Box<dyn Error>> {
        match self {
            Self::ResetPassword { email } => reset_password::run(config, email).await,
            Self::RevokeSessions { user } => revoke_sessions::run(config, user).await,
            Self::Backup { file } => backup::run(config, file).await,
        }
    }
}

/// Connects to the database of the server, without migrating it.
async fn open_database(config: &Config) -> Result<Db, Box<dyn Error>> {
    let db = Db::open(existing_database(config)?).await;
    Ok(db.map_err(|error| match error {
        DbError::Schema(advice) => format!("The schema of the database does not match: {advice}."),
        other => other.to_string(),
    })?)
}

/// The database of the server. Fails if its SQLite file does not exist.
fn existing_database(config: &Config) -> Result<DatabaseConfig<'_>, Box<dyn Error>> {
    let database = config.database()?;
    match config.sqlite_file().filter(|file| !file.exists()) {
        Some(file) => Err(format!(
            "There is no database at {}. Set DATABASE_URL to the value that the server uses.",
            file.display()
        )
        .into()),
        None => Ok(database),
    }
}
