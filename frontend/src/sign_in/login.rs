//! The page that signs in: with the password, and with a two-factor code if that is turned on.

use shared::account::SignIn;
use shared::problem::FieldError;
use shared::rules::Check;
use shared::two_factor::CodeProof;
use yew::prelude::*;

use crate::api::accounts;
use crate::api::stored_session::Session;
use crate::browser::focus;
use crate::ui::flag::use_flag;
use crate::ui::form::{Form, Submitting};
use crate::ui::input::{Input, Values};
use crate::ui::page::Page;

#[derive(PartialEq, Properties)]
pub struct LoginPageProps {
    /// The last session expired.
    pub expired: bool,
    pub start_session: Callback<Session>,
    /// The query with the redirect target.
    pub query: AttrValue,
}

/// The page.
#[component]
pub fn LoginPage(props: &LoginPageProps) -> Html {
    let needs_code = use_flag();
    if *needs_code {
        return code_step(&props.start_session, &needs_code);
    }
    let subtitle = if props.expired {
        "Your session has ended. Sign in to continue where you were: what you have not saved is kept until somebody else signs in."
    } else {
        "Welcome back."
    };
    let submit = {
        let (start_session, needs_code) = (props.start_session.clone(), needs_code.setter());
        move |values| -> Submitting {
            let (start_session, needs_code) = (start_session.clone(), needs_code.clone());
            Box::pin(async move {
                match accounts::sign_in(&credentials(&values)?).await? {
                    Some(session) => start_session.emit(session),
                    None => {
                        needs_code.set(true);
                        focus::focus_after_render("code-code".to_owned());
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
                    check={|values| credentials(&values).err().unwrap_or_default()} {submit}
                    button="Sign in" busy="Signing in…" button_class="button button-main button-wide" />
            </div>
            <p class="aside"><a href="/forgot-password">{ "Forgot your password?" }</a></p>
            <p class="aside">
                { "New here? " }
                <a href={format!("/signup?{}", props.query)}>{ "Create an account" }</a>
            </p>
        </Page>
    }
}

/// Asks for the two-factor code. A cookie tells the server which sign-in it completes.
fn code_step(start_session: &Callback<Session>, needs_code: &UseStateHandle<bool>) -> Html {
    let submit = {
        let start_session = start_session.clone();
        move |values| -> Submitting {
            let start_session = start_session.clone();
            Box::pin(async move {
                if let Some(session) = accounts::sign_in_with_code(&code(&values)?).await? {
                    start_session.emit(session);
                }
                Ok(())
            })
        }
    };
    let back = {
        let needs_code = needs_code.setter();
        move |_| needs_code.set(false)
    };
    let subtitle = html! { <p>{ "Enter the current code of your authenticator app." }</p> };
    html! {
        <Page key="code" title="Enter your code" {subtitle} narrow=true>
            <div class="card">
                <Form id="code" inputs={vec![Input::code("Six digits. Without your device, use a recovery code.")]}
                    check={|values| code(&values).err().unwrap_or_default()} {submit}
                    button="Sign in" busy="Signing in…" button_class="button button-main button-wide" />
            </div>
            <p class="aside"><button type="button" onclick={back}>{ "Back to the password" }</button></p>
        </Page>
    }
}

fn credentials(values: &Values) -> Result<SignIn, Vec<FieldError>> {
    SignIn {
        email: values.get("email"),
        password: values.get("password"),
        ..SignIn::default()
    }
    .check()
}

fn code(values: &Values) -> Result<CodeProof, Vec<FieldError>> {
    CodeProof {
        code: values.get("code"),
        ..CodeProof::default()
    }
    .check()
}
