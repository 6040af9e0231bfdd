//! Liveness and readiness checks.

use poem::handler;
use poem::web::Data;

use crate::db::Db;
use crate::http::problem::Problem;
use crate::serve::Draining;

/// Liveness: the process responds.
#[handler]
pub fn live() -> &'static str {
    "ok"
}

/// Readiness: the database responds, the last write succeeded, and the server is not draining.
#[handler]
pub async fn ready(db: Data<&Db>, draining: Data<&Draining>) -> Result<&'static str, Problem> {
    if draining.has_begun() {
        return Err(Problem::Stopping);
    }
    db.ready().await?;
    Ok("ok")
}
