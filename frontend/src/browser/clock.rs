//! The browser's clock, in its time zone.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use js_sys::Date;
use wasm_bindgen::JsValue;

/// The current date.
pub fn today() -> NaiveDate {
    date_of(&Date::new_0())
}

/// A UTC time as local time, to the minute.
pub fn local_time(at: DateTime<Utc>) -> NaiveDateTime {
    let at = Date::new(&JsValue::from(at.timestamp_millis() as f64));
    let time = NaiveTime::from_hms_opt(at.get_hours(), at.get_minutes(), 0);
    date_of(&at).and_time(time.unwrap_or_default())
}

fn date_of(at: &Date) -> NaiveDate {
    let year = i32::try_from(at.get_full_year()).unwrap_or_default();
    NaiveDate::from_ymd_opt(year, at.get_month() + 1, at.get_date()).unwrap_or_default()
}
