use shared::account::{PASSWORD_MIN, SignIn, SignUp};
use shared::problem::FieldError;
use shared::rules::Check;
use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;

use super::field::Field;
use crate::api::{self, Failure};
use crate::dom;
use crate::flag::use_flag;
use crate::session::Session;

/// The id of what is said about the form as a whole.
const ALERT: &str = "form-alert";

/// What a person wants to do with an account.
#[derive(Clone, Copy, PartialEq)]
pub enum Purpose {
    SignIn,
    SignUp,
}

impl Purpose {
    /// What is typed in normal form, or every rule it breaks. A sign-in leaves the name empty.
    fn check(self, typed: &SignUp) -> Result<SignUp, Vec<FieldError>> {
        match self {
            Self::SignUp => typed.clone().check(),
            Self::SignIn => sign_in(typed).check().map(|SignIn { email, password }| SignUp {
                name: String::new(),
                email,
                password,
            }),
        }
    }

    async fn send(self, account: &SignUp) -> Result<Session, Failure> {
        match self {
            Self::SignUp => api::sign_up(account).await,
            Self::SignIn => api::sign_in(&sign_in(account)).await,
        }
    }

    fn button(self, sending: bool) -> &'static str {
        match (self, sending) {
            (Self::SignIn, false) => "Sign in",
            (Self::SignIn, true) => "Signing in…",
            (Self::SignUp, false) => "Create account",
            (Self::SignUp, true) => "Creating your account…",
        }
    }
}

fn sign_in(account: &SignUp) -> SignIn {
    SignIn {
        email: account.email.clone(),
        password: account.password.clone(),
    }
}

#[derive(PartialEq, Properties)]
pub struct AccountFormProps {
    pub purpose: Purpose,
    /// Signs in.
    pub begin: Callback<Session>,
}

/// A form that begins a session. What is typed is kept until that has worked. The ids of the fields are the names of the
/// members of the body, so that what the server says of a member finds its field.
#[component]
pub fn AccountForm(props: &AccountFormProps) -> Html {
    let purpose = props.purpose;
    let begin = props.begin.clone();
    let typed = use_state(SignUp::default);
    let insist = use_flag();
    let sending = use_flag();
    let shown = use_flag();
    // What the server said: of the form as a whole, and of single fields until they are changed.
    let alert = use_state_eq(|| None::<String>);
    let refused = use_state_eq(Vec::<FieldError>::new);

    let checked = purpose.check(&typed);
    let error = |name: &str| -> Option<AttrValue> {
        let of_field = |error: &&FieldError| error.pointer.strip_prefix('/') == Some(name);
        let broken = checked.as_ref().err().into_iter().flatten();
        refused
            .iter()
            .chain(broken)
            .find(of_field)
            .map(|error| error.detail.clone().into())
    };
    let oninput = |name: &'static str, set: fn(&mut SignUp, String)| {
        let (typed, refused) = (typed.clone(), refused.clone());
        Callback::from(move |text| {
            let mut new = (*typed).clone();
            set(&mut new, text);
            typed.set(new);
            let mut left = (*refused).clone();
            left.retain(|error| error.pointer.strip_prefix('/') != Some(name));
            refused.set(left);
        })
    };
    let onsubmit = {
        let (checked, insist, sending) = (checked.clone(), insist.clone(), sending.clone());
        let (alert, refused) = (alert.clone(), refused.clone());
        move |event: SubmitEvent| {
            event.prevent_default();
            if *sending {
                return;
            }
            insist.set(true);
            alert.set(None);
            let account = match checked.clone() {
                Ok(account) => account,
                Err(errors) => return focus_first(&errors),
            };
            sending.set(true);
            let (begin, sending) = (begin.clone(), sending.clone());
            let (alert, refused) = (alert.clone(), refused.clone());
            spawn_local(async move {
                match purpose.send(&account).await {
                    Ok(session) => begin.emit(session),
                    Err(failure) => {
                        sending.set(false);
                        let errors = failure.field_errors().to_vec();
                        if errors.is_empty() {
                            alert.set(Some(failure.message()));
                        }
                        focus_first(&errors);
                        refused.set(errors);
                    }
                }
            });
        }
    };
    let (kind, word) = if *shown { ("text", "Hide") } else { ("password", "Show") };
    let (current, hint) = match purpose {
        Purpose::SignIn => ("current-password", None),
        Purpose::SignUp => (
            "new-password",
            Some(format!(
                "At least {PASSWORD_MIN} characters. A few unrelated words work well."
            )),
        ),
    };
    let toggle = move |_| shown.set(!*shown);
    html! {
        <form class="card form" novalidate=true {onsubmit}>
            if let Some(text) = &*alert {
                <p id={ALERT} class="alert" role="alert" tabindex="-1">{ text }</p>
            }
            if purpose == Purpose::SignUp {
                <Field id="name" label="Name" autocomplete="name" value={typed.name.clone()}
                    oninput={oninput("name", |typed, text| typed.name = text)} error={error("name")} insist={*insist} />
            }
            <Field id="email" label="E-mail" kind="email" autocomplete="email" value={typed.email.clone()}
                oninput={oninput("email", |typed, text| typed.email = text)} error={error("email")} insist={*insist} />
            <Field id="password" label="Password" {kind} autocomplete={current} value={typed.password.clone()}
                oninput={oninput("password", |typed, text| typed.password = text)} error={error("password")}
                insist={*insist} hint={hint.map(AttrValue::from)}>
                <button type="button" class="input-button" onclick={toggle} aria-label={format!("{word} password")}
                    aria-controls="password">
                    { word }
                </button>
            </Field>
            <button type="submit" class="button button-main button-wide" disabled={*sending}>
                { purpose.button(*sending) }
            </button>
        </form>
    }
}

/// Moves the focus to the first field with an error, or to what is said about the form as a whole.
fn focus_first(errors: &[FieldError]) {
    let name = errors.first().and_then(|error| error.pointer.strip_prefix('/'));
    dom::focus_soon(name.unwrap_or(ALERT).to_owned());
}
