//! For whoever watches the server: is it there, can it serve.

use std::sync::Arc;

use poem::handler;
use poem::web::Data;

use crate::App;
use crate::problem::Problem;

/// The process answers.
#[handler]
pub fn live() -> &'static str {
    "ok"
}

/// The database answers too.
#[handler]
pub async fn ready(app: Data<&Arc<App>>) -> Result<&'static str, Problem> {
    app.db.ping().await?;
    Ok("ok")
}
