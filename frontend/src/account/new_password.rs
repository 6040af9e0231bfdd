//! The form of the links that set a new password.

use shared::account::PASSWORD_MIN;
use shared::problem::FieldError;
use shared::recovery::PasswordReset;
use shared::rules::Check;
use yew::prelude::*;

use crate::failure::Failure;
use crate::session::SessionEnd;
use crate::ui::form::{Form, Submitting};
use crate::ui::input::{Input, Values};

#[derive(PartialEq, Properties)]
pub struct NewPasswordFormProps {
    /// The token of the link.
    pub token: String,
    /// The text of the button.
    pub button: AttrValue,
    /// Sends the new password. It ends all sessions.
    pub send: Callback<PasswordReset, Submitting>,
    pub end_session: Callback<SessionEnd>,
    /// Called when the password is set.
    pub ondone: Callback<()>,
}

/// The form.
#[component]
pub fn NewPasswordForm(props: &NewPasswordFormProps) -> Html {
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
        let (send, ondone, end_session) = (props.send.clone(), props.ondone.clone(), props.end_session.clone());
        move |values| -> Submitting {
            let (reset, send, ondone, end_session) =
                (reset(&values), send.clone(), ondone.clone(), end_session.clone());
            Box::pin(async move {
                send.emit(reset.map_err(Failure::from)?).await?;
                end_session.emit(SessionEnd::Revoked);
                ondone.emit(());
                Ok(())
            })
        }
    };
    html! {
        <div class="card">
            <Form id="reset" inputs={vec![Input::new_password("newPassword", "New password", PASSWORD_MIN)]}
                {check} {submit} button={&props.button} busy="Changing…" button_class="button button-main button-wide" />
        </div>
    }
}
