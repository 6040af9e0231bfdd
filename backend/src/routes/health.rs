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

/// The database answers, can be written as far as is known, and the server is not about to stop.
#[handler]
pub async fn ready(app: Data<&Arc<App>>) -> Result<&'static str, Problem> {
    if app.draining.has_begun() {
        return Err(Problem::Stopping);
    }
    app.db.ready().await?;
    Ok("ok")
}
