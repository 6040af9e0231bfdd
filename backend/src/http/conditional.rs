//! Conditional requests (RFC 9110, section 13): `ETag`, `If-Match` and `If-None-Match` for resources with a revision.

use headers::{ETag, HeaderMapExt};
use poem::http::HeaderMap;
use poem::{Request, RequestBody, Result};
use poem_openapi::registry::{MetaParamIn, MetaSchemaRef};
use poem_openapi::types::Type;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

/// The entity tag of a revision.
pub fn etag(revision: i64) -> String {
    format!("\"{revision}\"")
}

/// The precondition of a write: the revision must be one of those listed, or any if the header is absent or `*`.
#[derive(Clone)]
pub struct IfMatch(Option<headers::IfMatch>);

impl IfMatch {
    /// Whether every revision meets the precondition.
    pub fn is_any(&self) -> bool {
        self.0.as_ref().is_none_or(headers::IfMatch::is_any)
    }

    /// Whether the precondition is met by a resource with that revision.
    pub fn allows(&self, revision: i64) -> bool {
        let condition = self.0.as_ref().filter(|condition| !condition.is_any());
        condition.is_none_or(|condition| {
            let tag = etag(revision).parse::<ETag>();
            tag.is_ok_and(|tag| condition.precondition_passes(&tag))
        })
    }
}

/// The entity tags of the versions that the client has cached.
pub struct IfNoneMatch(Option<headers::IfNoneMatch>);

impl IfNoneMatch {
    /// Parses the header.
    pub fn of(headers: &HeaderMap) -> Self {
        Self(headers.typed_get())
    }

    /// Whether the client has the version with that entity tag, so that the response is 304.
    pub fn has(&self, tag: &str) -> bool {
        let condition = self.0.as_ref();
        condition.is_some_and(|condition| tag.parse().is_ok_and(|tag| !condition.precondition_passes(&tag)))
    }
}

/// Implements the extractor of a header whose value is a list of entity tags.
macro_rules! entity_tags {
    ($extractor:ty) => {
        impl<'a> ApiExtractor<'a> for $extractor {
            const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::Parameter];
            type ParamType = String;
            type ParamRawType = String;

            fn param_in() -> Option<MetaParamIn> {
                Some(MetaParamIn::Header)
            }

            fn param_schema_ref() -> Option<MetaSchemaRef> {
                Some(String::schema_ref())
            }

            async fn from_request(
                request: &'a Request,
                _: &mut RequestBody,
                _: ExtractParamOptions<String>,
            ) -> Result<Self> {
                Ok(Self(request.headers().typed_get()))
            }
        }
    };
}

entity_tags!(IfMatch);
entity_tags!(IfNoneMatch);
