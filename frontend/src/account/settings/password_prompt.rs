//! The dialog that asks for the password before a sensitive operation, and for a two-factor code if the operation requires one.

use shared::account::User;
use shared::problem::FieldError;
use shared::profile::PasswordProof;
use shared::rules::Check;
use shared::two_factor::PasswordAndCode;
use yew::prelude::*;

use super::sections::Settings;
use super::two_factor::Secrets;
use crate::account::left::Left;
use crate::api::accounts;
use crate::failure::Failure;
use crate::ui::dialog::Dialog;
use crate::ui::form::{Form, Submitting};
use crate::ui::input::{Input, Values};

/// The operation that the password is asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum PasswordPrompt {
    /// A request that needs a recent authentication. The callback sends it again.
    Reauthenticate(Callback<()>),
    SetUpTwoFactor,
    ReplaceRecoveryCodes,
    TurnOffTwoFactor,
    DeleteAccount,
}

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

    /// Whether the operation requires a code from this user.
    fn needs_code(&self, user: &User) -> bool {
        let is_protected = matches!(
            self,
            Self::ReplaceRecoveryCodes | Self::TurnOffTwoFactor | Self::DeleteAccount
        );
        is_protected && user.two_factor_enabled
    }

    /// The body of the request.
    fn body(&self, user: &User, values: &Values) -> Result<PasswordAndCode, Vec<FieldError>> {
        PasswordAndCode {
            password: values.get("password"),
            code: self.needs_code(user).then(|| values.get("code")),
        }
        .check()
    }

    /// Runs the operation.
    async fn run(&self, settings: &Settings, body: &PasswordAndCode) -> Result<(), Failure> {
        let id = &settings.user.id;
        let password = || PasswordProof {
            password: body.password.clone(),
        };
        match self {
            Self::Reauthenticate(retry) => {
                accounts::post(id, "/api/auth/verify-password", &password()).await?;
                retry.emit(());
            }
            Self::SetUpTwoFactor => {
                let setup = accounts::set_up_two_factor(id, &password()).await?;
                settings.show_secrets.emit(Some(Secrets::Setup(setup)));
            }
            Self::ReplaceRecoveryCodes => {
                let codes = accounts::replace_recovery_codes(id, body).await?;
                settings.show_secrets.emit(Some(Secrets::RecoveryCodes(codes)));
                settings.succeed("Your recovery codes are replaced");
            }
            Self::TurnOffTwoFactor => {
                accounts::post(id, "/api/auth/two-factor/disable", body).await?;
                settings.show_secrets.emit(None);
                settings.succeed("Two-factor is off");
            }
            Self::DeleteAccount => {
                accounts::post(id, "/api/auth/delete-user", body).await?;
                settings.leave.emit(Left::AccountDeleted);
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
                prompt.run(&settings, &prompt.body(&settings.user, &values)?).await?;
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
    let mut inputs = vec![Input::password("password", "Password")];
    if prompt.needs_code(&settings.user) {
        inputs.push(Input::code("From your authenticator app, or a recovery code."));
    }
    let check = {
        let (user, prompt) = (settings.user.clone(), prompt.clone());
        move |values| prompt.body(&user, &values).err().unwrap_or_default()
    };
    html! {
        <Dialog {title} onclose={&close}>
            <p>{ text }</p>
            <Form id="proof" {inputs} {check} {submit} oninterrupt={&settings.oninterrupt} {button}
                busy="Please wait…" {button_class}>
                <button type="button" class="button button-quiet" onclick={close.reform(|_| ())}>{ "Cancel" }</button>
            </Form>
        </Dialog>
    }
}
