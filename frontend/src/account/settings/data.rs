//! The sections that download all data and delete the account.

use yew::prelude::*;

use super::password_prompt::PasswordPrompt;
use super::sections::{Settings, section};
use crate::api::accounts;
use crate::browser::dom;
use crate::ui::form::{Form, Submitting};

/// The download of all data.
pub fn download(settings: &Settings) -> Html {
    let submit = {
        let settings = settings.clone();
        move |_| -> Submitting {
            let settings = settings.clone();
            Box::pin(async move {
                let text = accounts::export(&settings.user.id).await?;
                dom::download("docket-export.json", "application/json", &text);
                settings.succeed("Your data is downloaded");
                Ok(())
            })
        }
    };
    let form = html! {
        <Form id="export" {submit} oninterrupt={&settings.oninterrupt} button_class="button button-quiet"
            button="Download your data" busy="Downloading…" />
    };
    let text = html! { <p>{ "Everything that Docket stores about you, as one JSON file." }</p> };
    section("data-heading", "Your data", text, form)
}

/// The deletion of the account.
pub fn delete(settings: &Settings) -> Html {
    let onclick = settings.prompt.reform(|_| Some(PasswordPrompt::DeleteAccount));
    let button = html! { <button type="button" class="button button-bad" {onclick}>{ "Delete account" }</button> };
    let text = html! { <p>{ "Deletes your account and all its data." }</p> };
    section("delete-heading", "Delete account", text, button)
}
