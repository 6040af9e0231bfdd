//! Days as people say them.

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use wasm_bindgen::JsValue;

/// The day it is where the person is.
pub fn today() -> NaiveDate {
    day_of(&js_sys::Date::new_0())
}

fn day_of(moment: &js_sys::Date) -> NaiveDate {
    let year = i32::try_from(moment.get_full_year()).unwrap_or_default();
    NaiveDate::from_ymd_opt(year, moment.get_month() + 1, moment.get_date()).unwrap_or_default()
}

/// A moment in words, where the person is.
pub fn moment(at: DateTime<Utc>) -> String {
    let at = js_sys::Date::new(&JsValue::from(at.timestamp_millis() as f64));
    let day = due(day_of(&at), today());
    format!("{day}, {:02}:{:02}", at.get_hours(), at.get_minutes())
}

/// How near a due date is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Nearness {
    /// It has passed.
    Overdue,
    /// It is today.
    Today,
    /// There is time.
    Later,
}

impl Nearness {
    /// How near `day` is on the day `today`.
    pub fn of(day: NaiveDate, today: NaiveDate) -> Self {
        match day.cmp(&today) {
            std::cmp::Ordering::Less => Self::Overdue,
            std::cmp::Ordering::Equal => Self::Today,
            std::cmp::Ordering::Greater => Self::Later,
        }
    }
}

/// A due date in words.
pub fn due(day: NaiveDate, today: NaiveDate) -> String {
    if day == today {
        "Today".to_owned()
    } else if Some(day) == today.succ_opt() {
        "Tomorrow".to_owned()
    } else {
        plain(day, today)
    }
}

/// A day with its weekday, and with its year if that is not this one.
pub fn plain(day: NaiveDate, today: NaiveDate) -> String {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let month = MONTHS.get(day.month0() as usize).copied().unwrap_or_default();
    let text = format!("{} {} {month}", day.weekday(), day.day());
    if day.year() == today.year() {
        text
    } else {
        format!("{text} {}", day.year())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use chrono::NaiveDate;

    use super::{Nearness, due};

    #[test]
    fn days_are_told_as_people_say_them() {
        let day = |year, month, day| NaiveDate::from_ymd_opt(year, month, day).unwrap();
        let today = day(2029, 12, 30);
        assert_eq!(due(day(2029, 12, 30), today), "Today");
        assert_eq!(due(day(2029, 12, 31), today), "Tomorrow");
        assert_eq!(due(day(2030, 1, 1), today), "Tue 1 Jan 2030");
        assert_eq!(due(day(2029, 12, 1), today), "Sat 1 Dec");
        assert_eq!(Nearness::of(day(2029, 12, 29), today), Nearness::Overdue);
        assert_eq!(Nearness::of(today, today), Nearness::Today);
        assert_eq!(Nearness::of(day(2030, 1, 1), today), Nearness::Later);
    }
}
