//! The commands of the binary besides serving.

mod backup;
mod reset_password;

use std::error::Error;
use std::path::PathBuf;

use clap::Subcommand;

use crate::config::{Config, DatabaseConfig};

/// A command.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Print a link with which the owner of an account can choose a new password, once, within an hour
    ResetPassword {
        /// The e-mail address of the account
        email: String,
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
            Self::Backup { file } => backup::run(config, file).await,
        }
    }
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
