use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;

use crate::api;
use crate::components::page::Page;
use crate::session::{self, Session};

#[derive(PartialEq, Properties)]
pub struct VerifyEmailPageProps {
    /// The token of the link.
    pub token: String,
    /// Keeps what has changed about the person who is signed in.
    pub begin: Callback<Session>,
}

/// Confirms an e-mail address, new or changed.
#[component]
pub fn VerifyEmailPage(props: &VerifyEmailPageProps) -> Html {
    // The title and what is said under it.
    let outcome = use_state_eq(|| ("Confirming your address", String::new()));
    {
        let (outcome, begin) = (outcome.setter(), props.begin.clone());
        use_effect_with(props.token.clone(), move |token| {
            let token = token.clone();
            spawn_local(async move {
                match api::verify_email(&token).await {
                    Ok(user) => {
                        let address = user.email.clone().unwrap_or_default();
                        session::with_user(user)
                            .into_iter()
                            .for_each(|session| begin.emit(session));
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
