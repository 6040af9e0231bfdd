//! What the program does besides serving, for whoever runs it.

use std::error::Error;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use uuid::Uuid;

use crate::auth::link;
use crate::client::Client;
use crate::config::{Config, DatabaseConfig};
use crate::db::audit::Event;
use crate::db::backup::backup as copy;
use crate::db::one_time_tokens::Purpose;
use crate::db::{Db, DbError};

/// A command of the program.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Print a link with which the owner of an account can choose a new password, once, within an hour
    ResetPassword {
        /// The e-mail address of the account
        email: String,
    },
    /// Copy the SQLite database to a new file while the server runs
    Backup {
        /// The file to make; it must not exist
        file: PathBuf,
    },
}

/// A new link to a new password for the account of `email`. The server may run meanwhile. The error says what to do.
pub async fn reset_password(config: &Config, email: &str) -> Result<String, Box<dyn Error>> {
    let email = shared::account::email(email)?;
    let db = Db::open(existing_database(config)?)
        .await
        .map_err(|error| match error {
            DbError::Schema(advice) => format!("The schema does not fit: {advice}."),
            other => other.to_string(),
        })?;
    let link = reset_link(&db, config, &email).await;
    db.close().await;
    link
}

async fn reset_link(db: &Db, config: &Config, email: &str) -> Result<String, Box<dyn Error>> {
    let Some(user) = db.user_by_email(email).await? else {
        return Err(format!(
            "No account has the address {email}. Check the spelling, and that DATABASE_URL is the server's."
        )
        .into());
    };
    let (link, token) = link::draw(&config.public_url(), Purpose::ResetPassword, None)
        .map_err(|problem| problem.reason().unwrap_or_default().to_owned())?;
    let client = Client {
        address: None,
        user_agent: Some("docket reset-password".to_owned()),
        request_id: Uuid::now_v7().to_string(),
    };
    db.issue_token(user.id, token, Some(Event::PasswordResetRequested), client)
        .await?;
    Ok(link)
}

/// Copies the SQLite database to `file`. The server may run meanwhile. The answer says what was done, the error what to do.
pub async fn backup(config: &Config, file: &Path) -> Result<String, Box<dyn Error>> {
    let name = file.display();
    let database = existing_database(config)?;
    if config.sqlite_file().is_none() {
        return Err(format!(
            "docket backup copies SQLite databases only. For PostgreSQL, run: \
             pg_dump --format=custom --no-owner --file='{name}' \"$DATABASE_URL\""
        )
        .into());
    }
    copy(database.url, file).await?;
    Ok(format!(
        "Copied the database to {name}. The signing secret is not part of it."
    ))
}

/// The database, which the server made before.
fn existing_database(config: &Config) -> Result<DatabaseConfig<'_>, Box<dyn Error>> {
    let database = config.database()?;
    match config.sqlite_file().filter(|file| !file.exists()) {
        Some(file) => Err(format!(
            "There is no database at {}. Set DATABASE_URL as the server has it.",
            file.display()
        )
        .into()),
        None => Ok(database),
    }
}
