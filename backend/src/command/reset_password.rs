//! `docket reset-password`: a password reset link, for operators.

use std::error::Error;

use shared::pages::RESET_PASSWORD;
use uuid::Uuid;

use super::open_database;
use crate::accounts::event::Event;
use crate::accounts::link::Link;
use crate::accounts::store::email_links::{LinkPurpose, NewEmailLink};
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
    if db.user_by_email(email).await?.is_none() {
        return Err(format!(
            "No account has the address {email}. Check the spelling, and that DATABASE_URL is the same as the server's."
        )
        .into());
    }
    let Link { url, hash } = Link::generate(&config.public_url(), RESET_PASSWORD)?;
    let link = NewEmailLink {
        hash,
        purpose: LinkPurpose::ResetPassword,
        email: email.to_owned(),
        sent_by_mail: false,
    };
    let client = Client::local("docket reset-password", Uuid::now_v7().to_string());
    db.issue_email_link(link, Some(Event::PasswordResetRequested), client)
        .await?;
    Ok(url)
}
