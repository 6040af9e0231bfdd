//! A serde deserializer of parsed JSON values. Its errors have no text, because nobody reads it: the texts of `serde-wasm-bindgen`
//! add the formatting of floating-point numbers to the first visit.

use std::fmt::{self, Display, Formatter};

use js_sys::{Array, Number, Object, Reflect};
use serde::de::value::{BorrowedStrDeserializer, StringDeserializer};
use serde::de::{self, DeserializeSeed, Deserializer, Expected, Unexpected, Visitor};
use serde::forward_to_deserialize_any;
use wasm_bindgen::{JsCast, JsValue};

/// The value is not of the requested type.
#[derive(Debug)]
pub struct Mismatch;

impl Display for Mismatch {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("the value is not of the requested type")
    }
}

impl std::error::Error for Mismatch {}

/// All constructors ignore their arguments, because the default ones format them.
impl de::Error for Mismatch {
    fn custom<T: Display>(_: T) -> Self {
        Self
    }

    fn invalid_type(_: Unexpected<'_>, _: &dyn Expected) -> Self {
        Self
    }

    fn invalid_value(_: Unexpected<'_>, _: &dyn Expected) -> Self {
        Self
    }

    fn invalid_length(_: usize, _: &dyn Expected) -> Self {
        Self
    }

    fn unknown_variant(_: &str, _: &'static [&'static str]) -> Self {
        Self
    }

    fn unknown_field(_: &str, _: &'static [&'static str]) -> Self {
        Self
    }

    fn missing_field(_: &'static str) -> Self {
        Self
    }

    fn duplicate_field(_: &'static str) -> Self {
        Self
    }
}

/// Deserializes a value that `JSON.parse` returned. Numbers must be integers; objects can be structs and enum variants,
/// but not maps.
pub struct ValueDeserializer(pub JsValue);

impl<'de> Deserializer<'de> for ValueDeserializer {
    type Error = Mismatch;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        let Self(value) = self;
        if let Some(text) = value.as_string() {
            visitor.visit_string(text)
        } else if let Some(number) = value.as_f64() {
            if !Number::is_safe_integer(&value) {
                return Err(Mismatch);
            }
            visitor.visit_i64(number as i64)
        } else if let Some(flag) = value.as_bool() {
            visitor.visit_bool(flag)
        } else if value.is_null() {
            visitor.visit_unit()
        } else {
            let elements = value.dyn_into().map_err(|_| Mismatch)?;
            visitor.visit_seq(Elements { elements, next: 0 })
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        if self.0.is_null() {
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Mismatch> {
        visitor.visit_newtype_struct(self)
    }

    /// Reads only the named fields and ignores the others, also with `deny_unknown_fields`: another version of the server, or of
    /// the client that stored the value, may know more fields.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        let object = as_object(self.0)?;
        visitor.visit_map(Fields {
            object,
            names: fields.iter(),
            value: JsValue::UNDEFINED,
        })
    }

    /// Reads `"Variant"`, or `{"Variant": content}`.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        if let Some(name) = self.0.as_string() {
            let content = Self(JsValue::NULL);
            return visitor.visit_enum(Variant { name, content });
        }
        let object = as_object(self.0)?;
        let names = Object::keys(&object);
        let name = names
            .get(0)
            .as_string()
            .filter(|_| names.length() == 1)
            .ok_or(Mismatch)?;
        let content = Self(member(&object, &name)?);
        visitor.visit_enum(Variant { name, content })
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map identifier
    }
}

/// The value as an object that is not an array.
fn as_object(value: JsValue) -> Result<Object, Mismatch> {
    if !value.is_object() || Array::is_array(&value) {
        return Err(Mismatch);
    }
    Ok(value.unchecked_into())
}

/// A member of an object, or undefined.
fn member(object: &Object, name: &str) -> Result<JsValue, Mismatch> {
    Reflect::get(object, &JsValue::from_str(name)).map_err(|_| Mismatch)
}

/// The elements of an array that are not read yet.
struct Elements {
    elements: Array,
    next: u32,
}

impl<'de> de::SeqAccess<'de> for Elements {
    type Error = Mismatch;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Mismatch> {
        if self.next == self.elements.length() {
            return Ok(None);
        }
        let element = self.elements.get(self.next);
        self.next += 1;
        seed.deserialize(ValueDeserializer(element)).map(Some)
    }
}

/// The fields of a struct that are not read yet.
struct Fields {
    object: Object,
    names: std::slice::Iter<'static, &'static str>,
    /// The value of the field whose name was read last.
    value: JsValue,
}

impl<'de> de::MapAccess<'de> for Fields {
    type Error = Mismatch;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Mismatch> {
        for name in self.names.by_ref() {
            self.value = member(&self.object, name)?;
            if !self.value.is_undefined() {
                return seed.deserialize(BorrowedStrDeserializer::new(name)).map(Some);
            }
        }
        Ok(None)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Mismatch> {
        seed.deserialize(ValueDeserializer(std::mem::take(&mut self.value)))
    }
}

/// A variant of an enum. The content of a variant without one is null.
struct Variant {
    name: String,
    content: ValueDeserializer,
}

impl<'de> de::EnumAccess<'de> for Variant {
    type Error = Mismatch;
    type Variant = ValueDeserializer;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, ValueDeserializer), Mismatch> {
        let name: StringDeserializer<Mismatch> = de::IntoDeserializer::into_deserializer(self.name);
        Ok((seed.deserialize(name)?, self.content))
    }
}

impl<'de> de::VariantAccess<'de> for ValueDeserializer {
    type Error = Mismatch;

    fn unit_variant(self) -> Result<(), Mismatch> {
        if self.0.is_null() { Ok(()) } else { Err(Mismatch) }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Mismatch> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Mismatch> {
        self.deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        self.deserialize_struct("", fields, visitor)
    }
}
