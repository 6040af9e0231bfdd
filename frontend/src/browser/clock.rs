//! The browser's clock, in its time zone.

use chrono::{DateTime, NaiveDate, Utc};
use js_sys::{Array, Date, Intl, Object, Reflect};
use wasm_bindgen::JsValue;

/// The current date.
pub fn today() -> NaiveDate {
    date_of(&Date::new_0())
}

/// A date and time in the language and the format of the browser: "25 Nov 2026, 09:30".
pub fn localized(at: DateTime<Utc>) -> String {
    let options = Object::new();
    for (option, value) in [("dateStyle", "medium"), ("timeStyle", "short")] {
        // Cannot fail: the object is new.
        let _ = Reflect::set(&options, &option.into(), &value.into());
    }
    let format = Intl::DateTimeFormat::new(&Array::new(), &options).format();
    let text = format.call1(&JsValue::UNDEFINED, &JsValue::from(at.timestamp_millis() as f64));
    text.ok().and_then(|text| text.as_string()).unwrap_or_default()
}

fn date_of(at: &Date) -> NaiveDate {
    let year = i32::try_from(at.get_full_year()).unwrap_or_default();
    NaiveDate::from_ymd_opt(year, at.get_month() + 1, at.get_date()).unwrap_or_default()
}
