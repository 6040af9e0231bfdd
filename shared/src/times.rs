//! Parsing of timestamps and dates in JSON, both with chrono's RFC 3339 parser. chrono's `FromStr`, which its serde support
//! uses, accepts other formats, too, and adds a second parser to the client: 5 kB in brotli.

use chrono::{DateTime, NaiveDate, Utc};
use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// Deserializes an RFC 3339 timestamp.
pub fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DateTime<Utc>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let time = DateTime::parse_from_rfc3339(&text).ok();
    time.map(|time| time.to_utc())
        .ok_or_else(|| D::Error::custom("expected an RFC 3339 timestamp, such as 2030-05-01T09:30:00Z"))
}

/// Deserializes a date as `YYYY-MM-DD`, or null.
pub fn day<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<NaiveDate>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else {
        return Ok(None);
    };
    let invalid = || D::Error::custom("expected a date as YYYY-MM-DD, such as 2030-05-01");
    parse_day(&text).map(Some).ok_or_else(invalid)
}

/// Parses a date in the format `YYYY-MM-DD`; other formats are rejected.
pub fn parse_day(text: &str) -> Option<NaiveDate> {
    if text.len() != 10 {
        return None;
    }
    let midnight = DateTime::parse_from_rfc3339(&format!("{text}T00:00:00Z")).ok()?;
    Some(midnight.date_naive())
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;

    use super::parse_day;

    #[test]
    fn a_day_has_one_form() {
        assert_eq!(parse_day("2028-02-29"), NaiveDate::from_ymd_opt(2028, 2, 29));
        for text in [
            "",
            "2030-02-30",
            "2030-2-5",
            "+2030-02-5",
            "20300-2-05",
            " 2030-2-05",
            "2030/02/05",
            "2030-02-05T00:00:00Z",
            "２０３０",
        ] {
            assert_eq!(parse_day(text), None, "{text:?}");
        }
    }
}
