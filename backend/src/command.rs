//! What the program does besides serving, for whoever runs it.

use std::error::Error;

use clap::Subcommand;
use uuid::Uuid;

use crate::auth::link;
use crate::client::Client;
use crate::config::Config;
use crate::db::audit::Event;
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
}

/// A new link to a new password for the account of `email`. The server may run meanwhile. The error says what to do.
pub async fn reset_password(config: &Config, email: &str) -> Result<String, Box<dyn Error>> {
    let email = shared::account::email(email)?;
    if let Some(file) = config.sqlite_file().filter(|file| !file.exists()) {
        let file = file.display();
        return Err(format!("There is no database at {file}. Set DATABASE_URL as the server has it.").into());
    }
    let db = Db::open(config.database()?).await.map_err(|error| match error {
        DbError::Schema(advice) => format!("The schema does not fit: {advice}."),
        other => other.to_string(),
    })?;
    let Some(user) = db.user_by_email(&email).await? else {
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
