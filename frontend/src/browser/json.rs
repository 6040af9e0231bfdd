//! JSON, read and written by the browser itself: to carry a parser of our own costs a tenth of the size budget.

use serde::{Serialize, de::DeserializeOwned};
use serde_wasm_bindgen::Serializer;

/// The value that `text` stands for; none if it makes no sense.
pub fn read<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_wasm_bindgen::from_value(js_sys::JSON::parse(text).ok()?).ok()
}

/// A value as text.
pub fn write(value: &impl Serialize) -> Option<String> {
    let value = value.serialize(&Serializer::json_compatible()).ok()?;
    js_sys::JSON::stringify(&value).ok().map(Into::into)
}
