use chrono::NaiveDate;
use yew::prelude::*;

use super::icon::Icon;
use crate::dates::{self, Nearness};

#[derive(PartialEq, Properties)]
pub struct DueChipProps {
    pub day: NaiveDate,
    pub today: NaiveDate,
    /// A task that is done is never late.
    pub completed: bool,
}

/// When a task is due.
#[component]
pub fn DueChip(props: &DueChipProps) -> Html {
    let text = dates::due(props.day, props.today);
    let (class, text) = match Nearness::of(props.day, props.today) {
        _ if props.completed => ("chip", text),
        Nearness::Overdue => ("chip chip-late", format!("Overdue · {text}")),
        Nearness::Today => ("chip chip-today", text),
        Nearness::Later => ("chip", text),
    };
    html! {
        <p {class}>
            { Icon::Calendar.draw() }
            <span class="sr-only">{ "Due: " }</span>
            <time datetime={props.day.to_string()}>{ text }</time>
        </p>
    }
}
