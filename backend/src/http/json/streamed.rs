//! JSON responses that are serialized while they are sent.

use std::future::ready;
use std::io;
use std::marker::PhantomData;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream};
use futures_util::{Stream, StreamExt, TryStreamExt};
use poem::{Body, IntoResponse, Response};
use poem_openapi::payload::Payload;
use poem_openapi::registry::{MetaSchemaRef, Registry};
use poem_openapi::types::Type;
use serde::Serialize;

use super::schema::register_response;
use super::{CONTENT_TYPE, RawJson, serialization_fault};
use crate::db::DbError;
use crate::fault::Fault;

/// A `T` that is serialized while it is sent, so that only one page of it is in memory.
pub struct StreamedJson<T>(Body, PhantomData<fn() -> T>);

/// A builder of a JSON object.
pub struct StreamedObject<T> {
    chunks: BoxStream<'static, Result<Bytes, Fault>>,
    is_empty: bool,
    of: PhantomData<fn() -> T>,
}

impl<T> StreamedJson<T> {
    /// An empty object, to which the members of a `T` are added in order.
    pub fn object() -> StreamedObject<T> {
        StreamedObject {
            chunks: text("{".to_owned()).boxed(),
            is_empty: true,
            of: PhantomData,
        }
    }
}

impl<T> StreamedObject<T> {
    /// Adds a member. `name` must not need escaping.
    pub fn member(self, name: &str, value: &impl Serialize) -> Result<Self, Fault> {
        let value = RawJson::of(value)?.bytes();
        Ok(self.add(name, stream::once(ready(Ok(value)))))
    }

    /// Adds an array whose elements are read in pages. `name` must not need escaping. The first page is read immediately, so
    /// that its failure becomes an error response.
    pub async fn array<E: Serialize + Send + 'static>(
        self,
        name: &str,
        pages: impl Stream<Item = Result<Vec<E>, DbError>> + Send + 'static,
    ) -> Result<Self, Fault> {
        let mut pages = Box::pin(pages);
        let first = pages.try_next().await?;
        let pages = stream::iter(first.map(Ok)).chain(pages);
        let elements = pages.scan(true, |is_first, page| {
            let chunk = page.map_err(Fault::from).and_then(|page| elements(&page, is_first));
            ready(Some(chunk))
        });
        let array = text("[".to_owned()).chain(elements).chain(text("]".to_owned()));
        Ok(self.add(name, array))
    }

    fn add(self, name: &str, value: impl Stream<Item = Result<Bytes, Fault>> + Send + 'static) -> Self {
        let comma = if self.is_empty { "" } else { "," };
        let name = text(format!("{comma}\"{name}\":"));
        Self {
            chunks: self.chunks.chain(name).chain(value).boxed(),
            is_empty: false,
            of: PhantomData,
        }
    }

    /// Ends the object. If reading a later page fails, the status is already sent: `on_error` is called, and the connection is
    /// aborted.
    pub fn finish(self, on_error: impl Fn(&Fault) + Send + 'static) -> StreamedJson<T> {
        let chunks = self.chunks.chain(text("}".to_owned()));
        let chunks = chunks.inspect_err(on_error).map_err(io::Error::other);
        StreamedJson(Body::from_bytes_stream(chunks), PhantomData)
    }
}

fn text(text: String) -> impl Stream<Item = Result<Bytes, Fault>> + Send {
    stream::once(ready(Ok(text.into())))
}

/// The serialized elements, each after a comma unless it is the first of the array.
fn elements<E: Serialize>(page: &[E], is_first: &mut bool) -> Result<Bytes, Fault> {
    let mut chunk = Vec::new();
    for element in page {
        if !std::mem::take(is_first) {
            chunk.push(b',');
        }
        serde_json::to_writer(&mut chunk, element).map_err(serialization_fault)?;
    }
    Ok(chunk.into())
}

impl<T: Type> Payload for StreamedJson<T> {
    const CONTENT_TYPE: &'static str = CONTENT_TYPE;

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn register(registry: &mut Registry) {
        register_response::<T>(registry);
    }
}

impl<T: Send> IntoResponse for StreamedJson<T> {
    fn into_response(self) -> Response {
        Response::builder().content_type(CONTENT_TYPE).body(self.0)
    }
}
