//! Parsing of timestamps and dates in JSON. chrono's parsers of RFC 3339 accept other formats, too, and add 1 kB in brotli to the
//! first visit; its `FromStr`, which its serde support uses, 5 kB more.

use chrono::{DateTime, NaiveDate, Utc};
use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// Deserializes an RFC 3339 timestamp in UTC, as the server sends them.
pub fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DateTime<Utc>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let invalid = || D::Error::custom("expected an RFC 3339 timestamp in UTC, such as 2030-05-01T09:30:00Z");
    parse_time(&text).ok_or_else(invalid)
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
    let [year, month, day] = numbers(text, '-', [4, 2, 2])?;
    NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)
}

/// Parses a timestamp in the format `YYYY-MM-DDTHH:MM:SSZ`, with one to nine digits of a second's fraction or none.
fn parse_time(text: &str) -> Option<DateTime<Utc>> {
    let (day, time) = text.strip_suffix('Z')?.split_once('T')?;
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
    let scale = 9_usize.checked_sub(fraction.len())?;
    let nanoseconds = number(fraction)? * 10_u32.pow(u32::try_from(scale).ok()?);
    let time = parse_day(day)?.and_hms_nano_opt(hour, minute, second, nanoseconds)?;
    Some(time.and_utc())
}

/// Parses three numbers of the given lengths with a separator between them.
fn numbers(text: &str, separator: char, lengths: [usize; 3]) -> Option<[u32; 3]> {
    let mut parts = text.splitn(3, separator);
    let mut next = |length| number(parts.next().filter(|part| part.len() == length)?);
    let [first, second, third] = lengths;
    Some([next(first)?, next(second)?, next(third)?])
}

/// Parses digits; signs are rejected.
fn number(digits: &str) -> Option<u32> {
    let valid = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| valid)
}

#[cfg(test)]
mod tests {
    use chrono::{NaiveDate, SecondsFormat};

    use super::{parse_day, parse_time};

    #[test]
    fn a_timestamp_is_parsed_as_chrono_formats_it() {
        for text in [
            "1970-01-01T00:00:00Z",
            "2028-02-29T23:59:59.500Z",
            "2030-05-01T09:30:00.000001Z",
            "9999-12-31T23:59:59.999999999Z",
        ] {
            let time = parse_time(text);
            assert!(time.is_some(), "{text}");
            assert_eq!(time, text.parse().ok(), "{text}");
            let written = time.map(|time| time.to_rfc3339_opts(SecondsFormat::AutoSi, true));
            assert_eq!(written.as_deref(), Some(text));
        }
    }

    #[test]
    fn a_timestamp_has_one_form() {
        for text in [
            "",
            "2030-05-01",
            "2030-05-01T09:30Z",
            "2030-05-01T09:30:00",
            "2030-05-01 09:30:00Z",
            "2030-05-01T09:30:00+00:00",
            "2030-05-01T24:00:00Z",
            "2030-05-01T09:60:00Z",
            "2030-05-01T09:30:60Z",
            "2030-05-01T09:30:+0Z",
            "2030-05-01T09:30:00.Z",
            "2030-05-01T09:30:00.1234567890Z",
            "2030-05-01T09:30:00.-1Z",
            "2030-02-30T09:30:00Z",
        ] {
            assert_eq!(parse_time(text), None, "{text:?}");
        }
    }

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
