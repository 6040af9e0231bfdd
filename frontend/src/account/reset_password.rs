//! The page that sets a new password with the token of a link.

use shared::recovery::PasswordReset;
use yew::prelude::*;

use super::new_password::NewPasswordForm;
use crate::api::accounts;
use crate::session::SessionEnd;
use crate::ui::flag::use_flag;
use crate::ui::form::Submitting;
use crate::ui::page::Page;

#[derive(PartialEq, Properties)]
pub struct ResetPasswordPageProps {
    /// The token of the link.
    pub token: String,
    pub end_session: Callback<SessionEnd>,
}

/// The page.
#[component]
pub fn ResetPasswordPage(props: &ResetPasswordPageProps) -> Html {
    let done = use_flag();
    if *done {
        let subtitle = html! { <p>{ "All devices are signed out. Sign in with your new password." }</p> };
        return html! {
            <Page key="reset-done" title="Your password is changed" {subtitle} narrow=true>
                <a href="/login" class="button button-main">{ "Sign in" }</a>
            </Page>
        };
    }
    let done = done.setter();
    let send = |reset: PasswordReset| -> Submitting { Box::pin(async move { accounts::reset_password(&reset).await }) };
    html! {
        <Page key="reset" title="Choose a new password" narrow=true>
            <NewPasswordForm token={props.token.clone()} button="Change password" {send}
                end_session={&props.end_session} ondone={move |()| done.set(true)} />
            <p class="aside"><a href="/forgot-password">{ "Request a new link" }</a></p>
        </Page>
    }
}
