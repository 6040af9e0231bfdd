use shared::account::SignIn;
use shared::problem::FieldError;
use shared::rules::Check;
use shared::two_factor::CodeProof;
use yew::prelude::*;

use crate::components::form::{Form, Input, Sending, Typed};
use crate::components::page::Page;
use crate::flag::use_flag;
use crate::session::Session;
use crate::{api, dom};

#[derive(PartialEq, Properties)]
pub struct LoginPageProps {
    /// The last session ended against the person's will.
    pub expired: bool,
    /// Signs in.
    pub begin: Callback<Session>,
    /// Where the person wanted to go, as a query.
    pub next: AttrValue,
}

/// Signs in: with the password, and with a code where two-factor is on.
#[component]
pub fn LoginPage(props: &LoginPageProps) -> Html {
    let code_wanted = use_flag();
    if *code_wanted {
        return code_step(&props.begin, &code_wanted);
    }
    let subtitle = if props.expired {
        "Your session has ended. Sign in to go on where you were; nothing is lost."
    } else {
        "Good to see you again."
    };
    let send = {
        let (begin, code_wanted) = (props.begin.clone(), code_wanted.setter());
        move |typed| -> Sending {
            let (begin, code_wanted) = (begin.clone(), code_wanted.clone());
            Box::pin(async move {
                match api::sign_in(&credentials(&typed)?).await? {
                    Some(session) => begin.emit(session),
                    None => {
                        code_wanted.set(true);
                        dom::focus_soon("code-code".to_owned());
                    }
                }
                Ok(())
            })
        }
    };
    html! {
        <Page key="login" title="Sign in" subtitle={html! { <p>{ subtitle }</p> }} narrow=true>
            <div class="card">
                <Form id="sign-in" inputs={vec![Input::email("email", "E-mail"), Input::password("password", "Password")]}
                    check={|typed| credentials(&typed).err().unwrap_or_default()} {send}
                    button="Sign in" busy="Signing in…" look="button button-main button-wide" />
            </div>
            <p class="aside"><a href="/forgot-password">{ "Forgot your password?" }</a></p>
            <p class="aside">
                { "New here? " }
                <a href={format!("/signup?{}", props.next)}>{ "Create an account" }</a>
            </p>
        </Page>
    }
}

/// Asks for the code. The server knows by a cookie whose sign-in it is.
fn code_step(begin: &Callback<Session>, wanted: &UseStateHandle<bool>) -> Html {
    let send = {
        let begin = begin.clone();
        move |typed| -> Sending {
            let begin = begin.clone();
            Box::pin(async move {
                if let Some(session) = api::sign_in_with_code(&code(&typed)?).await? {
                    begin.emit(session);
                }
                Ok(())
            })
        }
    };
    let back = {
        let wanted = wanted.setter();
        move |_| wanted.set(false)
    };
    let subtitle = html! { <p>{ "One more step: the code that your authenticator app shows now." }</p> };
    html! {
        <Page key="code" title="Enter your code" {subtitle} narrow=true>
            <div class="card">
                <Form id="code" inputs={vec![Input::code("Six digits. Without your device, type one of your recovery codes.")]}
                    check={|typed| code(&typed).err().unwrap_or_default()} {send}
                    button="Sign in" busy="Signing in…" look="button button-main button-wide" />
            </div>
            <p class="aside"><button type="button" onclick={back}>{ "Back to the password" }</button></p>
        </Page>
    }
}

fn credentials(typed: &Typed) -> Result<SignIn, Vec<FieldError>> {
    SignIn {
        email: typed.get("email"),
        password: typed.get("password"),
        ..SignIn::default()
    }
    .check()
}

fn code(typed: &Typed) -> Result<CodeProof, Vec<FieldError>> {
    CodeProof {
        code: typed.get("code"),
        ..CodeProof::default()
    }
    .check()
}
