//! `docket backup`: online backup of the SQLite database.

use std::error::Error;
use std::path::Path;

use super::existing_database;
use crate::config::Config;
use crate::db::backup::backup;

/// Copies the SQLite database to `file`.
pub async fn run(config: &Config, file: &Path) -> Result<String, Box<dyn Error>> {
    let name = file.display();
    let database = existing_database(config)?;
    if config.sqlite_file().is_none() {
        return Err(format!(
            "docket backup copies SQLite databases only. For PostgreSQL, run: \
             pg_dump --format=custom --no-owner --file='{name}' \"$DATABASE_URL\""
        )
        .into());
    }
    backup(database.url, file).await?;
    Ok(format!(
        "Copied the database to {name}. The signing secret is not part of it."
    ))
}
