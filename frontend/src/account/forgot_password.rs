use shared::problem::FieldError;
use shared::recovery::LinkRequest;
use shared::rules::Check;
use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;

use crate::api;
use crate::components::form::{Form, Input, Sending, Typed};
use crate::components::page::Page;
use crate::flag::use_flag;

/// Asks for a link to a new password. What is answered is the same for every address.
#[component]
pub fn ForgotPasswordPage() -> Html {
    let asked = use_flag();
    let mailless = use_flag();
    {
        let mailless = mailless.setter();
        use_effect_with((), move |()| {
            spawn_local(async move {
                // A server that does not answer now says so when the form is sent.
                if let Ok(able) = api::capabilities().await {
                    mailless.set(!able.mail);
                }
            });
        });
    }
    let send = {
        let asked = asked.setter();
        move |typed| -> Sending {
            let asked = asked.clone();
            Box::pin(async move {
                api::request_password_reset(&request(&typed)?).await?;
                asked.set(true);
                Ok(())
            })
        }
    };
    let body = if *mailless {
        html! {
            <div class="card prose">
                <p>{ "This server sends no mail. Whoever runs it can make a link to a new password for you with:" }</p>
                <p><code>{ "docket reset-password <email>" }</code></p>
            </div>
        }
    } else if *asked {
        html! {
            <div class="card prose" role="status">
                <p>{ "If there is an account with this address, a mail with a link is on its way. The link works once, and not for long." }</p>
                <p>{ "Nothing there? Look in the spam folder, or check the address and try again." }</p>
            </div>
        }
    } else {
        html! {
            <div class="card">
                <Form id="forgot" inputs={vec![Input::email("email", "E-mail")]}
                    check={|typed| request(&typed).err().unwrap_or_default()} {send}
                    button="Send the link" busy="Sending…" look="button button-main button-wide" />
            </div>
        }
    };
    // A new title takes the focus, so that a screen reader goes on from there.
    let title = if *asked {
        "Check your mail"
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

fn request(typed: &Typed) -> Result<LinkRequest, Vec<FieldError>> {
    LinkRequest {
        email: typed.get("email"),
        ..LinkRequest::default()
    }
    .check()
}
