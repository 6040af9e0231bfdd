//! Dates as text.

use chrono::{Datelike, NaiveDate};

/// A date relative to today: "Today", "Tomorrow", "Sat 1 Dec".
pub fn relative(day: NaiveDate, today: NaiveDate) -> String {
    if day == today {
        "Today".to_owned()
    } else if Some(day) == today.succ_opt() {
        "Tomorrow".to_owned()
    } else {
        absolute(day, today)
    }
}

/// A date with its weekday, and with its year unless that is the current one: "Sat 1 Dec", "Tue 1 Jan 2030".
pub fn absolute(day: NaiveDate, today: NaiveDate) -> String {
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

    use super::relative;

    #[test]
    fn dates_are_relative_to_today() {
        let day = |year, month, day| NaiveDate::from_ymd_opt(year, month, day).unwrap();
        let today = day(2029, 12, 30);
        assert_eq!(relative(day(2029, 12, 30), today), "Today");
        assert_eq!(relative(day(2029, 12, 31), today), "Tomorrow");
        assert_eq!(relative(day(2030, 1, 1), today), "Tue 1 Jan 2030");
        assert_eq!(relative(day(2029, 12, 1), today), "Sat 1 Dec");
    }
}
