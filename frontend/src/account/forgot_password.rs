//! The page that requests a link to reset the password.

use shared::problem::FieldError;
use shared::recovery::LinkRequest;
use shared::rules::Check;
use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;

use crate::api::accounts;
use crate::ui::flag::use_flag;
use crate::ui::form::{Form, Submitting};
use crate::ui::input::{Input, Values};
use crate::ui::page::Page;

/// The page. It says the same for every address, so that it does not tell who has an account.
#[component]
pub fn ForgotPasswordPage() -> Html {
    let requested = use_flag();
    let no_mail = use_no_mail();
    let submit = {
        let requested = requested.setter();
        move |values| -> Submitting {
            let requested = requested.clone();
            Box::pin(async move {
                accounts::request_password_reset(&request(&values)?).await?;
                requested.set(true);
                Ok(())
            })
        }
    };
    let body = if no_mail {
        html! {
            <div class="card prose">
                <p>{ "This server does not send e-mail. Its operator can create a link to reset your password with:" }</p>
                <p><code>{ "docket reset-password <email>" }</code></p>
            </div>
        }
    } else if *requested {
        html! {
            <div class="card prose" role="status">
                <p>{ "If an account with this address exists, we have sent it an e-mail with a link. The link works once and expires soon." }</p>
                <p>{ "No e-mail? Check the spam folder, or check the address and try again." }</p>
            </div>
        }
    } else {
        html! {
            <div class="card">
                <Form id="forgot" inputs={vec![Input::email("email", "E-mail")]}
                    check={|values| request(&values).err().unwrap_or_default()} {submit}
                    button="Send link" busy="Sending…" button_class="button button-main button-wide" />
            </div>
        }
    };
    // The heading gets the focus when the title changes, so that a screen reader continues there.
    let title = if *requested {
        "Check your e-mail"
    } else {
        "Forgot your password?"
    };
    html! {
        <Page key="forgot" {title} narrow=true>
            { body }
            <p class="aside"><a href="/login">{ "Back to sign in" }</a></p>
        </Page>
    }
}

/// Whether the server sends no mail.
#[hook]
fn use_no_mail() -> bool {
    let no_mail = use_flag();
    let setter = no_mail.setter();
    use_effect_with((), move |()| {
        spawn_local(async move {
            // If this request fails, the form shows the failure when it is submitted.
            if let Ok(capabilities) = accounts::capabilities().await {
                setter.set(!capabilities.mail);
            }
        });
    });
    *no_mail
}

fn request(values: &Values) -> Result<LinkRequest, Vec<FieldError>> {
    LinkRequest {
        email: values.get("email"),
        ..LinkRequest::default()
    }
    .check()
}
