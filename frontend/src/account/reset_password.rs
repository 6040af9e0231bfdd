use shared::account::PASSWORD_MIN;
use shared::problem::FieldError;
use shared::recovery::PasswordReset;
use shared::rules::Check;
use yew::prelude::*;

use crate::api;
use crate::components::form::{Form, Input, Sending, Typed};
use crate::components::page::Page;
use crate::flag::use_flag;
use crate::session::End;

#[derive(PartialEq, Properties)]
pub struct ResetPasswordPageProps {
    /// The token of the link.
    pub token: String,
    /// Ends the session.
    pub end: Callback<End>,
}

/// Sets a new password.
#[component]
pub fn ResetPasswordPage(props: &ResetPasswordPageProps) -> Html {
    let done = use_flag();
    if *done {
        let subtitle = html! { <p>{ "Every device is signed out. Sign in with your new password." }</p> };
        return html! {
            <Page key="reset-done" title="Your password is changed" {subtitle} narrow=true>
                <a href="/login" class="button button-main">{ "Sign in" }</a>
            </Page>
        };
    }
    let reset = {
        let token = props.token.clone();
        move |typed: &Typed| -> Result<PasswordReset, Vec<FieldError>> {
            PasswordReset {
                token: token.clone(),
                new_password: typed.get("newPassword"),
            }
            .check()
        }
    };
    let check = {
        let reset = reset.clone();
        move |typed| reset(&typed).err().unwrap_or_default()
    };
    let send = {
        let (done, end) = (done.setter(), props.end.clone());
        move |typed| -> Sending {
            let (reset, done, end) = (reset(&typed), done.clone(), end.clone());
            Box::pin(async move {
                api::reset_password(&reset?).await?;
                end.emit(End::SignedOut);
                done.set(true);
                Ok(())
            })
        }
    };
    html! {
        <Page key="reset" title="Choose a new password" narrow=true>
            <div class="card">
                <Form id="reset" inputs={vec![Input::new_password("newPassword", "New password", PASSWORD_MIN)]}
                    {check} {send} button="Change password" busy="Changing…" look="button button-main button-wide" />
            </div>
            <p class="aside"><a href="/forgot-password">{ "Ask for a new link" }</a></p>
        </Page>
    }
}
