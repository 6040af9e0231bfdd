//! The page that undoes a change of the e-mail address with the token of a link, and sets a new password.

use shared::recovery::PasswordReset;
use yew::prelude::*;

use super::new_password::NewPasswordForm;
use crate::api::accounts;
use crate::session::SessionEnd;
use crate::ui::flag::use_flag;
use crate::ui::form::Submitting;
use crate::ui::page::Page;

#[derive(PartialEq, Properties)]
pub struct UndoEmailChangePageProps {
    /// The token of the link.
    pub token: String,
    pub end_session: Callback<SessionEnd>,
}

/// The page.
#[component]
pub fn UndoEmailChangePage(props: &UndoEmailChangePageProps) -> Html {
    let done = use_flag();
    if *done {
        let subtitle = html! {
            <p>{ "All devices are signed out. Sign in with this e-mail address and your new password, then check the settings." }</p>
        };
        return html! {
            <Page key="undone" title="Your e-mail address is restored" {subtitle} narrow=true>
                <a href="/login" class="button button-main">{ "Sign in" }</a>
            </Page>
        };
    }
    let done = done.setter();
    let send =
        |reset: PasswordReset| -> Submitting { Box::pin(async move { accounts::undo_email_change(&reset).await }) };
    let subtitle = html! {
        <p>{ "The e-mail address of your account was changed. Choose a new password to take the account back: this address is restored, and every device is signed out." }</p>
    };
    html! {
        <Page key="undo" title="Restore your e-mail address" {subtitle} narrow=true>
            <NewPasswordForm token={props.token.clone()} button="Restore and change password" {send}
                end_session={&props.end_session} ondone={move |()| done.set(true)} />
        </Page>
    }
}
