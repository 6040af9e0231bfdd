use shared::problem::FieldError;
use shared::profile::PasswordProof;
use shared::rules::Check;
use yew::prelude::*;

use super::Settings;
use super::two_factor::NewCodes;
use crate::api::{self, Failure};
use crate::components::dialog::Dialog;
use crate::components::form::{Form, Input, Sending, Typed};
use crate::session::End;
use crate::sync;

/// What the password is asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Proof {
    /// The session is old. The callback repeats what was wanted.
    Again(Callback<()>),
    SetUp,
    NewCodes,
    TurnOff,
    Delete,
}

impl Proof {
    /// The title, what will happen, and the button.
    fn words(&self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Again(_) => (
                "Enter your password again",
                "You signed in a while ago, and this step is a big one.",
                "Continue",
            ),
            Self::SetUp => ("Set up two-factor", "First, your password.", "Continue"),
            Self::NewCodes => (
                "New recovery codes",
                "Those that you have now will no longer work.",
                "Make new codes",
            ),
            Self::TurnOff => (
                "Turn off two-factor",
                "Your password alone will open your account again.",
                "Turn off",
            ),
            Self::Delete => (
                "Delete your account",
                "All your tasks, your devices and your history go with it, at once and for good. Nobody can bring them back.",
                "Delete everything",
            ),
        }
    }

    /// Does it.
    async fn prove(&self, settings: &Settings, proof: &PasswordProof) -> Result<(), Failure> {
        let id = &settings.user.id;
        match self {
            Self::Again(again) => {
                api::change(id, "/api/auth/verify-password", proof).await?;
                again.emit(());
            }
            Self::SetUp => {
                let setup = api::set_up_two_factor(id, proof).await?;
                settings.show.emit(Some(NewCodes::Setup(setup)));
            }
            Self::NewCodes => {
                let codes = api::new_recovery_codes(id, proof).await?;
                settings.show.emit(Some(NewCodes::Recovery(codes)));
                settings.done("You have new recovery codes");
            }
            Self::TurnOff => {
                api::change(id, "/api/auth/two-factor/disable", proof).await?;
                settings.show.emit(None);
                settings.done("Two-factor is off");
            }
            Self::Delete => {
                api::change(id, "/api/auth/delete-user", proof).await?;
                sync::forget(id);
                settings.end.emit(End::SignedOut);
            }
        }
        Ok(())
    }
}

/// Asks for the password, and says what for.
pub fn dialog(settings: &Settings, proof: &Proof) -> Html {
    let (title, text, button) = proof.words();
    let close = settings.ask.reform(|()| None);
    let send = {
        let (settings, proof, close) = (settings.clone(), proof.clone(), close.clone());
        move |typed| -> Sending {
            let (settings, proof, close) = (settings.clone(), proof.clone(), close.clone());
            Box::pin(async move {
                proof.prove(&settings, &body(&typed)?).await?;
                close.emit(());
                Ok(())
            })
        }
    };
    let look = if matches!(proof, Proof::Delete) {
        "button button-bad"
    } else {
        "button button-main"
    };
    html! {
        <Dialog {title} onclose={&close}>
            <p>{ text }</p>
            <Form id="proof" inputs={vec![Input::password("password", "Password")]}
                check={|typed| body(&typed).err().unwrap_or_default()} {send} stopped={&settings.stopped}
                {button} busy="One moment…" {look}>
                <button type="button" class="button button-quiet" onclick={close.reform(|_| ())}>{ "Cancel" }</button>
            </Form>
        </Dialog>
    }
}

fn body(typed: &Typed) -> Result<PasswordProof, Vec<FieldError>> {
    PasswordProof {
        password: typed.get("password"),
    }
    .check()
}
