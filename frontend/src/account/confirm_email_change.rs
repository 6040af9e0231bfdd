//! The page that completes a change of the e-mail address with the token of a link.

use shared::recovery::LinkToken;
use yew::prelude::*;

use crate::api::accounts;
use crate::api::stored_session::{self, Session};
use crate::ui::form::{Form, Submitting};
use crate::ui::input::Values;
use crate::ui::page::Page;

#[derive(PartialEq, Properties)]
pub struct ConfirmEmailChangePageProps {
    /// The token of the link.
    pub token: String,
    /// Stores the changed user of the session.
    pub start_session: Callback<Session>,
}

/// The page. Programs that open links in mails do not press its button.
#[component]
pub fn ConfirmEmailChangePage(props: &ConfirmEmailChangePageProps) -> Html {
    let confirmed = use_state_eq(|| None::<AttrValue>);
    if let Some(address) = &*confirmed {
        return html! {
            <Page key="changed" title="Your e-mail address is confirmed" subtitle={html! { <p>{ address }</p> }} narrow=true>
                <a href="/tasks" class="button button-main">{ "Go to your tasks" }</a>
            </Page>
        };
    }
    let submit = {
        let (confirmed, start_session) = (confirmed.setter(), props.start_session.clone());
        let token = LinkToken {
            token: props.token.clone(),
        };
        move |_: Values| -> Submitting {
            let (confirmed, start_session, token) = (confirmed.clone(), start_session.clone(), token.clone());
            Box::pin(async move {
                let user = accounts::confirm_email_change(&token).await?;
                let address = user.email.clone().unwrap_or_default();
                if let Some(session) = stored_session::with_user(user) {
                    start_session.emit(session);
                }
                confirmed.set(Some(address.into()));
                Ok(())
            })
        }
    };
    let subtitle = html! { <p>{ "From now on you sign in with this address, and get mail there." }</p> };
    html! {
        <Page key="change" title="Confirm your new e-mail address" {subtitle} narrow=true>
            <div class="card">
                <Form id="confirm" {submit} button="Confirm" busy="Confirming…"
                    button_class="button button-main button-wide" />
            </div>
        </Page>
    }
}
