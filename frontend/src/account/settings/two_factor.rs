//! The section for two-factor authentication.

use shared::problem::FieldError;
use shared::rules::Check;
use shared::two_factor::{CodeProof, TwoFactorSetup};
use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;

use super::password_prompt::PasswordPrompt;
use super::sections::{self, Settings};
use crate::api::accounts;
use crate::browser::dom;
use crate::ui::form::{Form, Submitting};
use crate::ui::input::{Input, Values};
use crate::ui::toast::{Toast, Toasts};

/// Secrets that are shown once.
#[derive(Clone, Debug, PartialEq)]
pub enum Secrets {
    /// The secret for the authenticator app.
    Setup(TwoFactorSetup),
    RecoveryCodes(Vec<String>),
}

/// The id of the heading.
pub const HEADING: &str = "two-factor-heading";

/// The section, with the secrets that were just created.
pub fn section(settings: &Settings, secrets: Option<&Secrets>) -> Html {
    let state = if settings.user.two_factor_enabled { "On" } else { "Off" };
    let text = html! {
        <>
            <p>{ "Signing in needs a code of an app on your phone as well as the password, so that a stolen password is not enough. \
                   Turning it on signs out all other devices." }</p>
            <p class="chip">{ state }</p>
        </>
    };
    sections::section(HEADING, "Two-factor", text, body(settings, secrets))
}

fn body(settings: &Settings, secrets: Option<&Secrets>) -> Html {
    let prompt = |prompt: PasswordPrompt| settings.prompt.reform(move |_: MouseEvent| Some(prompt.clone()));
    match secrets {
        Some(Secrets::Setup(setup)) => set_up(settings, setup),
        Some(Secrets::RecoveryCodes(codes)) => recovery_codes(settings, codes),
        None if settings.user.two_factor_enabled => html! {
            <div class="form-actions">
                <button type="button" class="button button-quiet" onclick={prompt(PasswordPrompt::ReplaceRecoveryCodes)}>
                    { "New recovery codes" }
                </button>
                <button type="button" class="button button-quiet" onclick={prompt(PasswordPrompt::TurnOffTwoFactor)}>
                    { "Turn off two-factor" }
                </button>
            </div>
        },
        None => html! {
            <button type="button" class="button button-main" onclick={prompt(PasswordPrompt::SetUpTwoFactor)}>{ "Set up two-factor" }</button>
        },
    }
}

/// Shows the secret for the app, and asks for the app's first code.
fn set_up(settings: &Settings, setup: &TwoFactorSetup) -> Html {
    let secret = secret(&setup.totp_uri);
    let submit = {
        let (settings, codes) = (settings.clone(), setup.backup_codes.clone());
        move |values| -> Submitting {
            let (settings, codes) = (settings.clone(), codes.clone());
            Box::pin(async move {
                let session = accounts::turn_on_two_factor(&settings.user.id, &code(&values)?).await?;
                settings.start_session.emit(session);
                settings.show_secrets.emit(Some(Secrets::RecoveryCodes(codes)));
                settings.succeed("Two-factor is on, and all other devices are signed out");
                Ok(())
            })
        }
    };
    html! {
        <div class="form">
            <p>{ "Scan this with your authenticator app:" }</p>
            <img class="qr" src={setup.qr_code.clone()} alt="QR code for your authenticator app" width="200" height="200" />
            <p>{ "Or enter this secret in the app:" }</p>
            <p class="copy-line">
                <code>{ &secret }</code>
                { copy_button("Copy secret", secret.clone(), &settings.toasts) }
            </p>
            <Form id="two-factor" inputs={vec![Input::code("The six digits that the app shows.")]}
                check={|values| code(&values).err().unwrap_or_default()} {submit} oninterrupt={&settings.oninterrupt}
                button="Turn on two-factor" busy="Checking…">
                <button type="button" class="button button-quiet" onclick={settings.show_secrets.reform(|_| None)}>
                    { "Cancel" }
                </button>
            </Form>
        </div>
    }
}

/// Shows the recovery codes.
fn recovery_codes(settings: &Settings, codes: &[String]) -> Html {
    let text = codes.join("\n");
    let download = {
        let text = text.clone();
        move |_| {
            dom::download("docket-recovery-codes.txt", "text/plain", &text);
        }
    };
    html! {
        <div class="form">
            <p>{ "Each of these recovery codes signs you in once without your phone. Save them in a safe place: \
                they are not shown again." }</p>
            <ul class="codes" role="list" aria-label="Recovery codes">
                { for codes.iter().map(|code| html! { <li><code>{ code }</code></li> }) }
            </ul>
            <div class="form-actions">
                { copy_button("Copy codes", text, &settings.toasts) }
                <button type="button" class="button button-quiet" onclick={download}>{ "Download codes" }</button>
                <button type="button" class="button button-main" onclick={settings.show_secrets.reform(|_| None)}>
                    { "I have saved them" }
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
            toasts.show(if dom::copy_to_clipboard(&text).await {
                Toast::success("Copied")
            } else {
                Toast::error("This browser does not allow Docket to copy. Select the text and copy it.")
            });
        });
    };
    html! { <button type="button" class="button button-quiet" {onclick}>{ label }</button> }
}

/// The secret in an `otpauth://` URL.
fn secret(url: &str) -> String {
    let query = url.split_once('?').map(|(_, query)| query).unwrap_or_default();
    let secret = query.split('&').find_map(|pair| pair.strip_prefix("secret="));
    secret.unwrap_or_default().to_owned()
}

fn code(values: &Values) -> Result<CodeProof, Vec<FieldError>> {
    CodeProof {
        code: values.get("code"),
        ..CodeProof::default()
    }
    .check()
}

#[cfg(test)]
mod tests {
    use super::secret;

    #[test]
    fn the_secret_is_read_from_the_url() {
        assert_eq!(
            secret("otpauth://totp/Docket:owner%40example.com?secret=ABC234&issuer=Docket"),
            "ABC234"
        );
        assert_eq!(secret("otpauth://totp/Docket?issuer=Docket"), "");
    }
}
