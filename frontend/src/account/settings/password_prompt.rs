//! The dialog that asks for the password before a sensitive operation.

use shared::problem::FieldError;
use shared::profile::PasswordProof;
use shared::rules::Check;
use yew::prelude::*;

use super::sections::{PasswordPrompt, Secrets, Settings};
use crate::api::accounts;
use crate::failure::Failure;
use crate::session::SessionEnd;
use crate::tasks::sync;
use crate::ui::dialog::Dialog;
use crate::ui::form::{Form, Submitting};
use crate::ui::input::{Input, Values};

impl PasswordPrompt {
    /// The title, the explanation, and the text of the button.
    fn texts(&self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Reauthenticate(_) => (
                "Enter your password again",
                "You signed in some time ago. This change needs your password again.",
                "Continue",
            ),
            Self::SetUpTwoFactor => ("Set up two-factor", "Enter your password first.", "Continue"),
            Self::ReplaceRecoveryCodes => (
                "New recovery codes",
                "Your current codes will no longer work.",
                "Create new codes",
            ),
            Self::TurnOffTwoFactor => (
                "Turn off two-factor",
                "You will sign in with your password alone again.",
                "Turn off",
            ),
            Self::DeleteAccount => (
                "Delete your account",
                "This deletes all your tasks, sessions and activity at once. It cannot be undone.",
                "Delete everything",
            ),
        }
    }

    /// Runs the operation.
    async fn run(&self, settings: &Settings, password: &PasswordProof) -> Result<(), Failure> {
        let id = &settings.user.id;
        match self {
            Self::Reauthenticate(retry) => {
                accounts::post(id, "/api/auth/verify-password", password).await?;
                retry.emit(());
            }
            Self::SetUpTwoFactor => {
                let setup = accounts::set_up_two_factor(id, password).await?;
                settings.show_secrets.emit(Some(Secrets::Setup(setup)));
            }
            Self::ReplaceRecoveryCodes => {
                let codes = accounts::replace_recovery_codes(id, password).await?;
                settings.show_secrets.emit(Some(Secrets::RecoveryCodes(codes)));
                settings.succeed("Your recovery codes are replaced");
            }
            Self::TurnOffTwoFactor => {
                accounts::post(id, "/api/auth/two-factor/disable", password).await?;
                settings.show_secrets.emit(None);
                settings.succeed("Two-factor is off");
            }
            Self::DeleteAccount => {
                accounts::post(id, "/api/auth/delete-user", password).await?;
                sync::clear_outbox(id);
                settings.end_session.emit(SessionEnd::SignedOut);
            }
        }
        Ok(())
    }
}

/// The dialog.
pub fn dialog(settings: &Settings, prompt: &PasswordPrompt) -> Html {
    let (title, text, button) = prompt.texts();
    let close = settings.prompt.reform(|()| None);
    let submit = {
        let (settings, prompt, close) = (settings.clone(), prompt.clone(), close.clone());
        move |values| -> Submitting {
            let (settings, prompt, close) = (settings.clone(), prompt.clone(), close.clone());
            Box::pin(async move {
                prompt.run(&settings, &body(&values)?).await?;
                close.emit(());
                Ok(())
            })
        }
    };
    let button_class = if matches!(prompt, PasswordPrompt::DeleteAccount) {
        "button button-bad"
    } else {
        "button button-main"
    };
    html! {
        <Dialog {title} onclose={&close}>
            <p>{ text }</p>
            <Form id="proof" inputs={vec![Input::password("password", "Password")]}
                check={|values| body(&values).err().unwrap_or_default()} {submit} oninterrupt={&settings.oninterrupt}
                {button} busy="Please wait…" {button_class}>
                <button type="button" class="button button-quiet" onclick={close.reform(|_| ())}>{ "Cancel" }</button>
            </Form>
        </Dialog>
    }
}

fn body(values: &Values) -> Result<PasswordProof, Vec<FieldError>> {
    PasswordProof {
        password: values.get("password"),
    }
    .check()
}
