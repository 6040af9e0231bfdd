//! How near a due date is, and how a task shows it.

use chrono::NaiveDate;
use shared::task::Task;
use yew::prelude::*;

use crate::ui::date;
use crate::ui::icon::Icon;

/// How near a due date is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Urgency {
    Overdue,
    Today,
    Later,
}

impl Urgency {
    fn of(day: NaiveDate, today: NaiveDate) -> Self {
        match day.cmp(&today) {
            std::cmp::Ordering::Less => Self::Overdue,
            std::cmp::Ordering::Equal => Self::Today,
            std::cmp::Ordering::Greater => Self::Later,
        }
    }
}

/// Whether a task is overdue. A completed one never is.
pub fn is_overdue(task: &Task, today: NaiveDate) -> bool {
    !task.completed
        && task
            .due_date
            .is_some_and(|day| Urgency::of(day, today) == Urgency::Overdue)
}

/// The due date of a task in the list.
pub fn due_chip(day: NaiveDate, today: NaiveDate, completed: bool) -> Html {
    let text = date::relative(day, today);
    let (class, text) = match Urgency::of(day, today) {
        _ if completed => ("chip", text),
        Urgency::Overdue => ("chip chip-late", format!("Overdue · {text}")),
        Urgency::Today => ("chip chip-today", text),
        Urgency::Later => ("chip", text),
    };
    html! {
        <p {class}>
            { Icon::Calendar.view() }
            <span class="sr-only">{ "Due: " }</span>
            <time datetime={day.to_string()}>{ text }</time>
        </p>
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use chrono::NaiveDate;

    use super::Urgency;

    #[test]
    fn a_task_is_overdue_from_the_day_after_its_due_date() {
        let day = |day| NaiveDate::from_ymd_opt(2029, 12, day).unwrap();
        let today = day(30);
        assert_eq!(Urgency::of(day(29), today), Urgency::Overdue);
        assert_eq!(Urgency::of(today, today), Urgency::Today);
        assert_eq!(Urgency::of(day(31), today), Urgency::Later);
    }
}
