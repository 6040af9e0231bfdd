//! JSON by the browser's own parser: `serde_json` would take a tenth of the size budget.

mod deserializer;

use serde::{Serialize, de::DeserializeOwned};
use serde_wasm_bindgen::Serializer;

use self::deserializer::ValueDeserializer;

/// Parses `text`; none if it is not JSON or not a `T`. `T` must not contain floating-point numbers or maps, nor use serde's
/// `flatten` or `untagged`.
pub fn parse<T: DeserializeOwned>(text: &str) -> Option<T> {
    let value = js_sys::JSON::parse(text).ok()?;
    T::deserialize(ValueDeserializer(value)).ok()
}

/// Serializes a value.
pub fn serialize(value: &impl Serialize) -> Option<String> {
    let value = value.serialize(&Serializer::json_compatible()).ok()?;
    js_sys::JSON::stringify(&value).ok().map(Into::into)
}

#[cfg(all(test, target_family = "wasm"))]
mod tests;
