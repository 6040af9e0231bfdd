//! The page that sets a new password with the token of a link.

use shared::account::PASSWORD_MIN;
use shared::problem::FieldError;
use shared::recovery::PasswordReset;
use shared::rules::Check;
use yew::prelude::*;

use crate::api::accounts;
use crate::session::SessionEnd;
use crate::ui::flag::use_flag;
use crate::ui::form::{Form, Submitting};
use crate::ui::input::{Input, Values};
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
    let reset = {
        let token = props.token.clone();
        move |values: &Values| -> Result<PasswordReset, Vec<FieldError>> {
            PasswordReset {
                token: token.clone(),
                new_password: values.get("newPassword"),
            }
            .check()
        }
    };
    let check = {
        let reset = reset.clone();
        move |values| reset(&values).err().unwrap_or_default()
    };
    let submit = {
        let (done, end_session) = (done.setter(), props.end_session.clone());
        move |values| -> Submitting {
            let (reset, done, end_session) = (reset(&values), done.clone(), end_session.clone());
            Box::pin(async move {
                accounts::reset_password(&reset?).await?;
                end_session.emit(SessionEnd::SignedOut);
                done.set(true);
                Ok(())
            })
        }
    };
    html! {
        <Page key="reset" title="Choose a new password" narrow=true>
            <div class="card">
                <Form id="reset" inputs={vec![Input::new_password("newPassword", "New password", PASSWORD_MIN)]}
                    {check} {submit} button="Change password" busy="Changing…" button_class="button button-main button-wide" />
            </div>
            <p class="aside"><a href="/forgot-password">{ "Request a new link" }</a></p>
        </Page>
    }
}
