//! The page that confirms an e-mail address with the token of a link.

use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;

use crate::api::accounts;
use crate::api::stored_session::{self, Session};
use crate::ui::page::Page;

#[derive(PartialEq, Properties)]
pub struct VerifyEmailPageProps {
    /// The token of the link.
    pub token: String,
    /// Stores the changed user of the session.
    pub start_session: Callback<Session>,
}

/// The page.
#[component]
pub fn VerifyEmailPage(props: &VerifyEmailPageProps) -> Html {
    // The title and the subtitle.
    let outcome = use_state_eq(|| ("Confirming your address", String::new()));
    {
        let (outcome, start_session) = (outcome.setter(), props.start_session.clone());
        use_effect_with(props.token.clone(), move |token| {
            let token = token.clone();
            spawn_local(async move {
                match accounts::verify_email(&token).await {
                    Ok(user) => {
                        let address = user.email.clone().unwrap_or_default();
                        if let Some(session) = stored_session::with_user(user) {
                            start_session.emit(session);
                        }
                        outcome.set(("Your e-mail address is confirmed", address));
                    }
                    Err(failure) => outcome.set(("Your address is not confirmed", failure.message())),
                }
            });
        });
    }
    let (title, text) = &*outcome;
    html! {
        <Page key="verify" title={*title} subtitle={html! { <p role="status">{ text }</p> }} narrow=true>
            <a href="/tasks" class="button button-main">{ "Go to your tasks" }</a>
        </Page>
    }
}
