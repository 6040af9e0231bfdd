//! JSON by the browser's own parser: `serde_json` would take a tenth of the size budget.

use serde::{Serialize, de::DeserializeOwned};
use serde_wasm_bindgen::Serializer;

/// Parses `text`; none if it is not JSON or not a `T`.
pub fn parse<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_wasm_bindgen::from_value(js_sys::JSON::parse(text).ok()?).ok()
}

/// Serializes a value.
pub fn serialize(value: &impl Serialize) -> Option<String> {
    let value = value.serialize(&Serializer::json_compatible()).ok()?;
    js_sys::JSON::stringify(&value).ok().map(Into::into)
}
