//! `docket reset-password`: a password reset link, for operators.

use std::error::Error;

use uuid::Uuid;

use super::open_database;
use crate::accounts::event::Event;
use crate::accounts::link;
use crate::accounts::store::one_time_tokens::Purpose;
use crate::config::Config;
use crate::db::Db;
use crate::http::client::Client;

/// Issues a password reset link for the account with the address `email`.
pub async fn run(config: &Config, email: &str) -> Result<String, Box<dyn Error>> {
    let email = shared::account::email(email)?;
    let db = open_database(config).await?;
    let link = reset_link(&db, config, &email).await;
    db.close().await;
    link
}

async fn reset_link(db: &Db, config: &Config, email: &str) -> Result<String, Box<dyn Error>> {
    let Some(user) = db.user_by_email(email).await? else {
        return Err(format!(
            "No account has the address {email}. Check the spelling, and that DATABASE_URL is the same as the server's."
        )
        .into());
    };
    let (link, token) = link::generate(&config.public_url(), Purpose::ResetPassword, None)?;
    let client = Client::local("docket reset-password", Uuid::now_v7().to_string());
    db.issue_token(user.id, token, Some(Event::PasswordResetRequested), client)
        .await?;
    Ok(link)
}
