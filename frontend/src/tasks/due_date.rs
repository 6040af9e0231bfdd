use chrono::NaiveDate;
use yew::prelude::*;

use super::icon::Icon;
use crate::dates::{self, Nearness};

/// When a task is due. One that is done is never late.
pub fn due_chip(day: NaiveDate, today: NaiveDate, completed: bool) -> Html {
    let text = dates::due(day, today);
    let (class, text) = match Nearness::of(day, today) {
        _ if completed => ("chip", text),
        Nearness::Overdue => ("chip chip-late", format!("Overdue · {text}")),
        Nearness::Today => ("chip chip-today", text),
        Nearness::Later => ("chip", text),
    };
    html! {
        <p {class}>
            { Icon::Calendar.draw() }
            <span class="sr-only">{ "Due: " }</span>
            <time datetime={day.to_string()}>{ text }</time>
        </p>
    }
}
