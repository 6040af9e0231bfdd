//! The page that confirms an e-mail address with the token of a link and a password.

use shared::account::{PASSWORD_MIN, SignIn};
use shared::problem::FieldError;
use shared::recovery::EmailVerification;
use shared::rules::Check;
use yew::prelude::*;

use crate::api::accounts;
use crate::api::stored_session::Session;
use crate::browser::dom;
use crate::failure::Failure;
use crate::ui::flag::use_flag;
use crate::ui::form::{Form, Submitting};
use crate::ui::input::{Input, Values};
use crate::ui::page::Page;

#[derive(PartialEq, Properties)]
pub struct VerifyEmailPageProps {
    /// The token of the link.
    pub token: String,
    pub start_session: Callback<Session>,
}

/// The page. It signs in with the password, too.
#[component]
pub fn VerifyEmailPage(props: &VerifyEmailPageProps) -> Html {
    let is_new = use_flag();
    let verification = {
        let (token, is_new) = (props.token.clone(), *is_new);
        move |values: &Values| -> Result<EmailVerification, Vec<FieldError>> {
            EmailVerification {
                token: token.clone(),
                password: (!is_new).then(|| values.get("password")),
                new_password: is_new.then(|| values.get("newPassword")),
            }
            .check()
        }
    };
    let check = {
        let verification = verification.clone();
        move |values| verification(&values).err().unwrap_or_default()
    };
    let submit = {
        let start_session = props.start_session.clone();
        move |values| -> Submitting {
            let (verification, start_session) = (verification(&values), start_session.clone());
            Box::pin(async move { verify(verification?, start_session).await })
        }
    };
    let (text, input, other) = if *is_new {
        (
            "Choose a new password for your account.",
            Input::new_password("newPassword", "New password", PASSWORD_MIN),
            "Enter the password you signed up with",
        )
    } else {
        (
            "Enter the password that you chose when you signed up.",
            Input::password("password", "Password"),
            "You did not choose a password? Set a new one",
        )
    };
    let toggle = {
        let is_new = is_new.clone();
        move |_| is_new.set(!*is_new)
    };
    html! {
        <Page key="verify" title="Confirm your e-mail address" subtitle={html! { <p>{ text }</p> }} narrow=true>
            <div class="card">
                <Form key={other} id="verify" inputs={vec![input]} {check} {submit} button="Confirm" busy="Confirming…"
                    button_class="button button-main button-wide" />
            </div>
            <p class="aside"><button type="button" onclick={toggle}>{ other }</button></p>
        </Page>
    }
}

/// Confirms the address, signs in, and loads the tasks; or the page that signs in, if a code is required.
async fn verify(verification: EmailVerification, start_session: Callback<Session>) -> Result<(), Failure> {
    let user = accounts::verify_email(&verification).await?;
    let password = verification.new_password.or(verification.password);
    let credentials = SignIn {
        email: user.email.unwrap_or_default(),
        password: password.unwrap_or_default(),
        ..SignIn::default()
    };
    // The address is confirmed even if the sign-in fails.
    match accounts::sign_in(&credentials).await {
        Ok(Some(session)) => {
            start_session.emit(session);
            dom::replace_page("/tasks");
        }
        Ok(None) | Err(_) => dom::replace_page("/login"),
    }
    Ok(())
}
