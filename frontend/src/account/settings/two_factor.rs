use shared::problem::FieldError;
use shared::rules::Check;
use shared::two_factor::{CodeProof, TwoFactorSetup};
use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;

use super::Settings;
use super::proof::Proof;
use crate::components::form::{Form, Input, Sending, Typed};
use crate::components::toast::{Toast, Toasts};
use crate::{api, dom};

/// The id of the heading.
pub const HEADING: &str = "two-factor-heading";

/// What can be seen once.
#[derive(Clone, Debug, PartialEq)]
pub enum NewCodes {
    /// What the authenticator app needs.
    Setup(TwoFactorSetup),
    /// The recovery codes.
    Recovery(Vec<String>),
}

/// Two-factor by an authenticator app.
pub fn section(settings: &Settings, new: Option<&NewCodes>) -> Html {
    let state = if settings.user.two_factor_enabled { "On" } else { "Off" };
    let text = html! {
        <>
            <p>{ "A code of an app on your phone, besides the password: who learns your password alone stays out. \
                   Turning it on signs out every other device." }</p>
            <p class="chip">{ state }</p>
        </>
    };
    super::section(HEADING, "Two-factor", text, body(settings, new))
}

fn body(settings: &Settings, new: Option<&NewCodes>) -> Html {
    let ask = |proof: Proof| settings.ask.reform(move |_: MouseEvent| Some(proof.clone()));
    match new {
        Some(NewCodes::Setup(setup)) => set_up(settings, setup),
        Some(NewCodes::Recovery(codes)) => recovery(settings, codes),
        None if settings.user.two_factor_enabled => html! {
            <div class="form-actions">
                <button type="button" class="button button-quiet" onclick={ask(Proof::NewCodes)}>
                    { "New recovery codes" }
                </button>
                <button type="button" class="button button-quiet" onclick={ask(Proof::TurnOff)}>
                    { "Turn off two-factor" }
                </button>
            </div>
        },
        None => html! {
            <button type="button" class="button button-main" onclick={ask(Proof::SetUp)}>{ "Set up two-factor" }</button>
        },
    }
}

/// Shows what the app needs, and asks for its first code.
fn set_up(settings: &Settings, setup: &TwoFactorSetup) -> Html {
    let secret = secret(&setup.totp_uri);
    let send = {
        let (settings, codes) = (settings.clone(), setup.backup_codes.clone());
        move |typed| -> Sending {
            let (settings, codes) = (settings.clone(), codes.clone());
            Box::pin(async move {
                let session = api::turn_on_two_factor(&settings.user.id, &code(&typed)?).await?;
                settings.begin.emit(session);
                settings.show.emit(Some(NewCodes::Recovery(codes)));
                settings.done("Two-factor is on, and every other device is signed out");
                Ok(())
            })
        }
    };
    html! {
        <div class="form">
            <p>{ "Scan this with your authenticator app:" }</p>
            <img class="qr" src={setup.qr_code.clone()} alt="QR code for your authenticator app" width="200" height="200" />
            <p>{ "Or type this secret into the app:" }</p>
            <p class="copy-line">
                <code>{ &secret }</code>
                { copy_button("Copy secret", secret.clone(), &settings.toasts) }
            </p>
            <Form id="two-factor" inputs={vec![Input::code("The six digits that the app shows now.")]}
                check={|typed| code(&typed).err().unwrap_or_default()} {send} stopped={&settings.stopped}
                button="Turn on two-factor" busy="Checking…">
                <button type="button" class="button button-quiet" onclick={settings.show.reform(|_| None)}>
                    { "Cancel" }
                </button>
            </Form>
        </div>
    }
}

/// Shows the recovery codes, this once.
fn recovery(settings: &Settings, codes: &[String]) -> Html {
    let text = codes.join("\n");
    let download = {
        let text = text.clone();
        move |_| {
            dom::download("docket-recovery-codes.txt", "text/plain", &text);
        }
    };
    html! {
        <div class="form">
            <p>{ "Without your phone, each of these recovery codes signs you in once. Keep them where you keep what matters: \
                they are shown only now." }</p>
            <ul class="codes" role="list" aria-label="Recovery codes">
                { for codes.iter().map(|code| html! { <li><code>{ code }</code></li> }) }
            </ul>
            <div class="form-actions">
                { copy_button("Copy codes", text, &settings.toasts) }
                <button type="button" class="button button-quiet" onclick={download}>{ "Download codes" }</button>
                <button type="button" class="button button-main" onclick={settings.show.reform(|_| None)}>
                    { "I have kept them" }
                </button>
            </div>
        </div>
    }
}

fn copy_button(label: &'static str, text: String, toasts: &Toasts) -> Html {
    let toasts = toasts.clone();
    let onclick = move |_| {
        let (text, toasts) = (text.clone(), toasts.clone());
        spawn_local(async move {
            toasts.show(if dom::copy(&text).await {
                Toast::good("Copied")
            } else {
                Toast::bad("This browser does not let Docket copy. Select the text and copy it yourself.")
            });
        });
    };
    html! { <button type="button" class="button button-quiet" {onclick}>{ label }</button> }
}

/// The secret in an `otpauth://` address.
fn secret(address: &str) -> String {
    let query = address.split_once('?').map(|(_, query)| query).unwrap_or_default();
    let secret = query.split('&').find_map(|pair| pair.strip_prefix("secret="));
    secret.unwrap_or_default().to_owned()
}

fn code(typed: &Typed) -> Result<CodeProof, Vec<FieldError>> {
    CodeProof {
        code: typed.get("code"),
        ..CodeProof::default()
    }
    .check()
}

#[cfg(test)]
mod tests {
    use super::secret;

    #[test]
    fn the_secret_is_read_from_the_address() {
        assert_eq!(
            secret("otpauth://totp/Docket:owner%40example.com?secret=ABC234&issuer=Docket"),
            "ABC234"
        );
        assert_eq!(secret("otpauth://totp/Docket?issuer=Docket"), "");
    }
}
