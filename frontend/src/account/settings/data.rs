use yew::prelude::*;

use super::proof::Proof;
use super::{Settings, section};
use crate::components::form::{Form, Sending};
use crate::{api, dom};

/// Everything that is kept of the person, as a file.
pub fn download(settings: &Settings) -> Html {
    let send = {
        let settings = settings.clone();
        move |_| -> Sending {
            let settings = settings.clone();
            Box::pin(async move {
                let text = api::export(&settings.user.id).await?;
                dom::download("docket-export.json", "application/json", &text);
                settings.done("Your data is downloaded");
                Ok(())
            })
        }
    };
    let form = html! {
        <Form id="export" {send} stopped={&settings.stopped} look="button button-quiet"
            button="Download your data" busy="Downloading…" />
    };
    let text = html! { <p>{ "Everything that Docket keeps of you, as one JSON file." }</p> };
    section("data-heading", "Your data", text, form)
}

/// The end of the account.
pub fn delete(settings: &Settings) -> Html {
    let onclick = settings.ask.reform(|_| Some(Proof::Delete));
    let button = html! { <button type="button" class="button button-bad" {onclick}>{ "Delete account" }</button> };
    let text = html! { <p>{ "Removes you and everything that is yours." }</p> };
    section("delete-heading", "Delete account", text, button)
}
