//! JSON request and response bodies, (de)serialized by serde only: request bodies are validated by the rules in `shared`, and
//! responses are serialized once.

mod schema;
mod streamed;

use std::collections::BTreeMap;
use std::marker::PhantomData;

use bytes::Bytes;
use poem::http::header;
use poem::{IntoResponse, Request, RequestBody, Response, Result};
use poem_openapi::payload::Payload;
use poem_openapi::registry::{MetaMediaType, MetaRequest, MetaSchemaRef, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use shared::problem::FieldError;
use shared::rules::Check;

use crate::fault::Fault;
use crate::http::problem::Problem;
use schema::{register_body, register_response, set_nullable};
pub use streamed::StreamedJson;

/// The largest request body, in bytes.
const BODY_MAX: usize = 64 * 1024;
const CONTENT_TYPE: &str = "application/json";

/// A JSON request body. A validation error is returned by [`JsonBody::valid`] and not by the extractor, so that an operation
/// can answer 404 before 422.
pub struct JsonBody<T>(Result<T, Problem>);

/// An optional JSON request body.
pub struct OptionalJsonBody<T>(Option<JsonBody<T>>);

impl<T> JsonBody<T> {
    /// The normalised value, or the validation errors.
    pub fn valid(self) -> Result<T, Problem> {
        self.0
    }
}

impl<T> OptionalJsonBody<T> {
    /// The normalised value, if there is a body, or the validation errors.
    pub fn valid(self) -> Result<Option<T>, Problem> {
        self.0.map(JsonBody::valid).transpose()
    }
}

impl<T: DeserializeOwned + Check> JsonBody<T> {
    fn parse(bytes: &[u8]) -> Result<Self, Problem> {
        let malformed = |error: serde_json::Error| Problem::Malformed(error.to_string());
        serde_json::from_slice::<IgnoredAny>(bytes).map_err(malformed)?;
        if bytes.trim_ascii_start().first() != Some(&b'{') {
            return Ok(Self::refused(
                String::new(),
                "The body must be a JSON object.".to_owned(),
            ));
        }
        let mut json = serde_json::Deserializer::from_slice(bytes);
        match serde_path_to_error::deserialize::<_, T>(&mut json) {
            Ok(value) => match null_member(bytes, T::NULLABLE).map_err(malformed)? {
                Some(name) => Ok(Self::refused(
                    pointer_of(&name),
                    "This must not be null. Omit it instead.".to_owned(),
                )),
                None => Ok(Self(value.check().map_err(Problem::Invalid))),
            },
            Err(error) if error.inner().is_data() => {
                let reason = error.inner().to_string();
                // Removes the position in the text, because the pointer names the member.
                let reason = reason
                    .split_once(" at line ")
                    .map_or(reason.as_str(), |(reason, _)| reason);
                Ok(Self::refused(
                    pointer(error.path()),
                    format!("This has the wrong type or format: {reason}."),
                ))
            }
            Err(error) => Err(malformed(error.into_inner())),
        }
    }
}

impl<T> JsonBody<T> {
    fn refused(pointer: String, detail: String) -> Self {
        Self(Err(Problem::Invalid(vec![FieldError { pointer, detail }])))
    }
}

/// The first member of the object that is null and not `nullable`. serde does not distinguish null from an absent member.
fn null_member(object: &[u8], nullable: &[&str]) -> serde_json::Result<Option<String>> {
    let members: BTreeMap<String, Option<IgnoredAny>> = serde_json::from_slice(object)?;
    let mut names = members.into_iter().filter(|(_, value)| value.is_none());
    Ok(names
        .find(|(name, _)| !nullable.contains(&name.as_str()))
        .map(|(name, _)| name))
}

/// The JSON pointer of a member.
fn pointer_of(member: &str) -> String {
    format!("/{}", member.replace('~', "~0").replace('/', "~1"))
}

/// The JSON pointer of a deserialization error.
fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    path.iter()
        .map(|segment| match segment {
            Segment::Seq { index } => format!("/{index}"),
            Segment::Map { key } | Segment::Enum { variant: key } => pointer_of(key),
            Segment::Unknown => String::new(),
        })
        .collect()
}

async fn read(request: &Request, body: &mut RequestBody) -> Result<Bytes, Problem> {
    let as_problem = |error| Problem::from_error(poem::Error::from(error));
    let length = request
        .header(header::CONTENT_LENGTH)
        .and_then(|length| length.parse().ok());
    if length.is_some_and(|length: usize| length > BODY_MAX) {
        return Err(Problem::TooLarge);
    }
    let body = body.take().map_err(as_problem)?;
    body.into_bytes_limit(BODY_MAX).await.map_err(as_problem)
}

fn require_json(request: &Request) -> Result<(), Problem> {
    let essence = request
        .content_type()
        .map(|kind| kind.split(';').next().unwrap_or(kind).trim());
    if essence.is_some_and(|essence| essence.eq_ignore_ascii_case(CONTENT_TYPE)) {
        Ok(())
    } else {
        Err(Problem::UnsupportedMediaType)
    }
}

fn request_meta<T: Type>(required: bool) -> MetaRequest {
    MetaRequest {
        description: None,
        content: vec![MetaMediaType {
            content_type: CONTENT_TYPE,
            schema: T::schema_ref(),
        }],
        required,
    }
}

impl<'a, T: DeserializeOwned + Check + Type> ApiExtractor<'a> for JsonBody<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        register_body::<T>(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        Some(request_meta::<T>(true))
    }

    async fn from_request(request: &'a Request, body: &mut RequestBody, _: ExtractParamOptions<()>) -> Result<Self> {
        require_json(request)?;
        Ok(Self::parse(&read(request, body).await?)?)
    }
}

impl<'a, T: DeserializeOwned + Check + Type> ApiExtractor<'a> for OptionalJsonBody<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        register_body::<T>(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        Some(request_meta::<T>(false))
    }

    async fn from_request(request: &'a Request, body: &mut RequestBody, _: ExtractParamOptions<()>) -> Result<Self> {
        let bytes = read(request, body).await?;
        if bytes.is_empty() {
            return Ok(Self(None));
        }
        require_json(request)?;
        Ok(Self(Some(JsonBody::parse(&bytes)?)))
    }
}

/// A serialized `T`.
#[derive(Clone)]
pub struct RawJson<T>(Bytes, PhantomData<fn() -> T>);

impl<T: Serialize> RawJson<T> {
    /// Serializes `value`.
    pub fn of(value: &T) -> Result<Self, Fault> {
        let bytes = serde_json::to_vec(value).map_err(serialization_fault)?;
        Ok(Self(bytes.into(), PhantomData))
    }
}

impl<T> RawJson<T> {
    /// Wraps the [bytes](RawJson::bytes) of an earlier `RawJson`.
    pub fn from_bytes(bytes: Bytes) -> Self {
        Self(bytes, PhantomData)
    }

    /// The JSON text. Cheap to clone.
    pub fn bytes(&self) -> Bytes {
        self.0.clone()
    }
}

impl<T: Type> Payload for RawJson<T> {
    const CONTENT_TYPE: &'static str = CONTENT_TYPE;

    fn schema_ref() -> MetaSchemaRef {
        let mut schema = T::schema_ref();
        if !T::IS_REQUIRED {
            // The response can be null, but other uses of the type cannot.
            set_nullable(&mut schema);
        }
        schema
    }

    fn register(registry: &mut Registry) {
        register_response::<T>(registry);
    }
}

impl<T: Send> IntoResponse for RawJson<T> {
    fn into_response(self) -> Response {
        Response::builder().content_type(CONTENT_TYPE).body(self.0)
    }
}

fn serialization_fault(error: serde_json::Error) -> Fault {
    Fault::internal("serializing a response failed").caused_by(error)
}
