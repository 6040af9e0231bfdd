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

/// The database answers too, and can be written as far as is known.
#[handler]
pub async fn ready(app: Data<&Arc<App>>) -> Result<&'static str, Problem> {
    app.db.ready().await?;
    Ok("ok")
}
