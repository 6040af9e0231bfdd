//! The optional features of the server.

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{ApiResponse, OpenApi};
use shared::profile::Capabilities;

use super::Tag;
use crate::accounts::service::Accounts;
use crate::http::json::RawJson;
use crate::http::problem::Problem;

/// The operations.
#[derive(Default)]
pub struct CapabilityApi;

#[derive(ApiResponse)]
enum CapabilitiesResponse {
    /// The optional features of the server.
    #[oai(status = 200)]
    Ok(RawJson<Capabilities>),
}

#[OpenApi(prefix_path = "/api/auth", tag = "Tag::Accounts")]
impl CapabilityApi {
    /// Get the optional features of the server
    #[oai(path = "/capabilities", method = "get", operation_id = "get_capabilities")]
    async fn capabilities(&self, accounts: Data<&Arc<Accounts>>) -> Result<CapabilitiesResponse, Problem> {
        Ok(CapabilitiesResponse::Ok(RawJson::of(&Capabilities {
            mail: accounts.mailer.is_some(),
            password_min_length: accounts.passwords.min_length(),
        })?))
    }
}
