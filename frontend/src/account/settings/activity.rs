//! The section with the history of the account.

use shared::device_name::device_name;
use shared::profile::Activity;
use yew::prelude::*;

use super::event;
use super::sections::{self, Settings};
use crate::api::accounts::{self, ActivityPage};
use crate::browser::focus;
use crate::ui::form::{Form, Submitting};
use crate::ui::input::Values;
use crate::ui::time::time;

#[derive(PartialEq, Properties)]
pub struct ActivitySectionProps {
    pub settings: Settings,
    /// The newest events.
    pub newest: ActivityPage,
}

/// The section. Earlier events are fetched a page at a time.
#[component]
pub fn ActivitySection(props: &ActivitySectionProps) -> Html {
    let shown = use_state_eq(|| props.newest.clone());
    {
        let shown = shown.setter();
        use_effect_with(props.newest.clone(), move |newest| shown.set(newest.clone()));
    }
    let settings = &props.settings;
    let rows = shown.events.iter().map(|event| row(settings, event));
    let body = html! {
        <>
            <ul class="lines" role="list" aria-label="Activity">{ for rows }</ul>
            if let Some(query) = &shown.earlier {
                <Form id="earlier" submit={show_earlier(settings, &shown, query)} oninterrupt={&settings.oninterrupt}
                    button_class="button button-quiet" button="Show earlier" busy="Loading…" />
            }
        </>
    };
    let text = html! { <p>{ "What happened in your account, newest first, with the device and the network address of each." }</p> };
    sections::section("activity-heading", "Activity", text, body)
}

/// Adds the next page, and moves the focus to its first event.
fn show_earlier(
    settings: &Settings,
    shown: &UseStateHandle<ActivityPage>,
    query: &str,
) -> Callback<Values, Submitting> {
    let (user_id, shown, query) = (settings.user.id.clone(), shown.clone(), query.to_owned());
    Callback::from(move |_| -> Submitting {
        let (user_id, shown, query) = (user_id.clone(), shown.clone(), query.clone());
        Box::pin(async move {
            let ActivityPage { events, earlier } = accounts::activity(&user_id, &query).await?;
            if let Some(first) = events.first() {
                focus::focus_after_render(row_id(first));
            }
            let events = [shown.events.clone(), events].concat();
            shown.set(ActivityPage { events, earlier });
            Ok(())
        })
    })
}

fn row_id(event: &Activity) -> String {
    format!("event-{}", event.id)
}

fn row(settings: &Settings, event: &Activity) -> Html {
    let text = event::text(&event.event);
    let device = device_name(event.user_agent.as_deref());
    let address = event.ip_address.as_deref().unwrap_or("Unknown address");
    let secure = settings.ask_to_secure.reform(|_| true);
    html! {
        <li key={event.id.clone()} id={row_id(event)} tabindex="-1" class="line line-event">
            <div>
                <p class="line-title">{ &text }</p>
                <p class="line-text">{ format!("{device} · {address}") }</p>
                <p class="line-text">{ time(event.created_at) }</p>
            </div>
            if event::may_be_an_attack(&event.event) {
                <button type="button" class="line-action" onclick={secure} aria-describedby={row_id(event)}>
                    { "This wasn’t me" }
                </button>
            }
        </li>
    }
}
