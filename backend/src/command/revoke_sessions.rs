//! `docket revoke-sessions`: ends the sessions of a user and revokes the user's external tokens, for operators.

use std::error::Error;

use uuid::Uuid;

use super::open_database;
use crate::config::Config;
use crate::db::Db;
use crate::http::client::Client;

/// Revokes the sessions and the external tokens of every account that `name` identifies: an e-mail address, an id, or the `sub`
/// of external tokens.
pub async fn run(config: &Config, name: &str) -> Result<String, Box<dyn Error>> {
    let db = open_database(config).await?;
    let revoked = revoke(&db, name).await;
    db.close().await;
    revoked
}

async fn revoke(db: &Db, name: &str) -> Result<String, Box<dyn Error>> {
    let email = shared::account::email(name).ok();
    let users = db.users_named(name, email.as_deref()).await?;
    if users.is_empty() {
        return Err(format!(
            "No account has the e-mail address, the id or the `sub` {name}. Check the spelling, and that DATABASE_URL is the \
             same as the server's."
        )
        .into());
    }
    let mut lines = Vec::new();
    for user in users {
        let client = Client::local("docket revoke-sessions", Uuid::now_v7().to_string());
        lines.push(format!(
            "Revoked all sessions and external tokens of {}.",
            user.as_str()
        ));
        db.revoke_sessions(user, None, client).await?;
    }
    Ok(lines.join("\n"))
}
