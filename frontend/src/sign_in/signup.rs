//! The page that creates an account.

use shared::account::{PASSWORD_MIN, SignUp};
use shared::problem::FieldError;
use shared::rules::Check;
use yew::prelude::*;

use crate::api::accounts;
use crate::api::stored_session::Session;
use crate::ui::form::{Form, Submitting};
use crate::ui::input::{Input, Values};
use crate::ui::page::Page;

#[derive(PartialEq, Properties)]
pub struct SignupPageProps {
    pub start_session: Callback<Session>,
    /// The query with the redirect target.
    pub query: AttrValue,
}

/// The page.
#[component]
pub fn SignupPage(props: &SignupPageProps) -> Html {
    // The address to confirm, once the mail is sent.
    let mailed = use_state_eq(|| None::<AttrValue>);
    let sign_in = format!("/login?{}", props.query);
    if let Some(address) = &*mailed {
        return html! {
            <Page key="mailed" title="Check your e-mail" narrow=true>
                <div class="card prose">
                    <p>{ "We have sent an e-mail to " }<strong>{ address }</strong>{ ". Open the link in it to confirm your address." }</p>
                    <p>{ "No e-mail? Check the spam folder, or sign up again." }</p>
                </div>
                <p class="aside"><a href={sign_in}>{ "Go to sign in" }</a></p>
            </Page>
        };
    }
    let submit = {
        let (start_session, mailed) = (props.start_session.clone(), mailed.setter());
        move |values| -> Submitting {
            let (start_session, mailed) = (start_session.clone(), mailed.clone());
            Box::pin(async move {
                let account = account(&values)?;
                match accounts::sign_up(&account).await? {
                    Some(session) => start_session.emit(session),
                    None => mailed.set(Some(account.email.into())),
                }
                Ok(())
            })
        }
    };
    let inputs = vec![
        Input::user_name(""),
        Input::email("email", "E-mail"),
        Input::new_password("password", "Password", PASSWORD_MIN),
    ];
    html! {
        <Page key="signup" title="Create your account" subtitle={html! { <p>{ "One place for all your tasks." }</p> }}
            narrow=true>
            <div class="card">
                <Form id="sign-up" {inputs} check={|values| account(&values).err().unwrap_or_default()} {submit}
                    button="Create account" busy="Creating your account…" button_class="button button-main button-wide" />
            </div>
            <p class="aside">
                { "Already have an account? " }
                <a href={sign_in}>{ "Sign in" }</a>
            </p>
        </Page>
    }
}

fn account(values: &Values) -> Result<SignUp, Vec<FieldError>> {
    SignUp {
        name: values.get("name"),
        email: values.get("email"),
        password: values.get("password"),
        ..SignUp::default()
    }
    .check()
}
