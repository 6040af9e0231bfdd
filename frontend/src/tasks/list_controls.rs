//! The controls that filter and sort the list.

use shared::task::{Sort, Status};
use web_sys::HtmlSelectElement;
use yew::prelude::*;

use super::store::{Counts, View};
use crate::ui::icon::Icon;

/// The controls. `show` is called with the chosen view.
pub fn list_controls(view: View, counts: Counts, show: &Callback<View>) -> Html {
    let filters = Status::ALL.iter().map(|&status| {
        let onclick = show.reform(move |_| View { status, ..view });
        html! {
            <button type="button" class="segment" aria-pressed={(view.status == status).to_string()} {onclick}>
                { status_name(status) }
                { " " }
                <span class="segment-count">{ counts.of(status) }</span>
            </button>
        }
    });
    let sorts = Sort::ALL.iter().map(|&sort| {
        html! { <option value={sort.as_str()} selected={view.sort == sort}>{ sort_name(sort) }</option> }
    });
    let onchange = {
        let show = show.clone();
        move |event: Event| {
            let sort = event
                .target_dyn_into::<HtmlSelectElement>()
                .and_then(|select| select.value().parse().ok());
            if let Some(sort) = sort {
                show.emit(View { sort, ..view });
            }
        }
    };
    html! {
        <div class="controls">
            <div class="segments" role="group" aria-label="Show">{ for filters }</div>
            <div class="sort">
                <label for="sort">{ "Sort by" }</label>
                <div class="select">
                    <select id="sort" {onchange}>{ for sorts }</select>
                    { Icon::Chevron.view() }
                </div>
            </div>
        </div>
    }
}

fn status_name(status: Status) -> &'static str {
    match status {
        Status::All => "All",
        Status::Pending => "Pending",
        Status::Completed => "Completed",
    }
}

fn sort_name(sort: Sort) -> &'static str {
    match sort {
        Sort::Created => "Newest first",
        Sort::Updated => "Last changed",
        Sort::Title => "Title",
        Sort::DueDate => "Due date",
    }
}
