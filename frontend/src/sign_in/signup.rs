use shared::account::{PASSWORD_MIN, SignUp};
use shared::problem::FieldError;
use shared::rules::Check;
use yew::prelude::*;

use crate::api;
use crate::components::form::{Form, Input, Sending, Typed};
use crate::components::page::Page;
use crate::session::Session;

#[derive(PartialEq, Properties)]
pub struct SignupPageProps {
    /// Signs in.
    pub begin: Callback<Session>,
    /// Where the person wanted to go, as a query.
    pub next: AttrValue,
}

/// Makes an account.
#[component]
pub fn SignupPage(props: &SignupPageProps) -> Html {
    // Where the mail went that has to be answered first.
    let mailed = use_state_eq(|| None::<AttrValue>);
    let sign_in = format!("/login?{}", props.next);
    if let Some(address) = &*mailed {
        return html! {
            <Page key="mailed" title="Check your mail" narrow=true>
                <div class="card prose">
                    <p>{ "We have sent a mail to " }<strong>{ address }</strong>{ ". Open the link in it, and your account is ready." }</p>
                    <p>{ "Nothing there? Look in the spam folder. Signing in sends it again." }</p>
                </div>
                <p class="aside"><a href={sign_in}>{ "Go to sign in" }</a></p>
            </Page>
        };
    }
    let send = {
        let (begin, mailed) = (props.begin.clone(), mailed.setter());
        move |typed| -> Sending {
            let (begin, mailed) = (begin.clone(), mailed.clone());
            Box::pin(async move {
                let account = account(&typed)?;
                match api::sign_up(&account).await? {
                    Some(session) => begin.emit(session),
                    None => mailed.set(Some(account.email.into())),
                }
                Ok(())
            })
        }
    };
    let inputs = vec![
        Input::person(""),
        Input::email("email", "E-mail"),
        Input::new_password("password", "Password", PASSWORD_MIN),
    ];
    html! {
        <Page key="signup" title="Create your account" subtitle={html! { <p>{ "One place for what you have to do." }</p> }}
            narrow=true>
            <div class="card">
                <Form id="sign-up" {inputs} check={|typed| account(&typed).err().unwrap_or_default()} {send}
                    button="Create account" busy="Creating your account…" look="button button-main button-wide" />
            </div>
            <p class="aside">
                { "Have an account already? " }
                <a href={sign_in}>{ "Sign in" }</a>
            </p>
        </Page>
    }
}

fn account(typed: &Typed) -> Result<SignUp, Vec<FieldError>> {
    SignUp {
        name: typed.get("name"),
        email: typed.get("email"),
        password: typed.get("password"),
        ..SignUp::default()
    }
    .check()
}
