use shared::account::{PASSWORD_MIN, SignUp};
use yew::prelude::*;
use yew_router::prelude::*;

use super::account_form::use_account_form;
use crate::api;
use crate::app::{Next, Route};
use crate::components::alert::Alert;
use crate::components::field::Field;
use crate::components::page::Page;
use crate::components::password_field::PasswordField;

/// Makes an account.
#[component]
pub fn SignupPage() -> Html {
    let form = use_account_form(api::sign_up);
    let next = use_location().and_then(|location| location.query::<Next>().ok());

    let subtitle = html! { <p>{ "One place for what you have to do." }</p> };
    html! {
        <Page title="Create your account" {subtitle} narrow=true>
            <form class="card form" novalidate=true onsubmit={form.onsubmit.clone()}>
                if let Some(text) = form.alert.clone() {
                    <Alert {text} />
                }
                <Field id="name" label="Name" autocomplete="name" value={form.value.name.clone()}
                    oninput={form.oninput("name", |value: &mut SignUp, text| value.name = text)}
                    error={form.error("name")} insist={form.insist} />
                <Field id="email" label="E-mail" kind="email" autocomplete="email" value={form.value.email.clone()}
                    oninput={form.oninput("email", |value: &mut SignUp, text| value.email = text)}
                    error={form.error("email")} insist={form.insist} />
                <PasswordField id="password" autocomplete="new-password" value={form.value.password.clone()}
                    oninput={form.oninput("password", |value: &mut SignUp, text| value.password = text)}
                    error={form.error("password")} insist={form.insist}
                    hint={format!("At least {PASSWORD_MIN} characters. A few unrelated words work well.")} />
                <button type="submit" class="button button-main button-wide" disabled={form.sending}>
                    { if form.sending { "Creating your account…" } else { "Create account" } }
                </button>
            </form>
            <p class="aside">
                { "Have an account already? " }
                <Link<Route, Next> to={Route::Login} query={next}>{ "Sign in" }</Link<Route, Next>>
            </p>
        </Page>
    }
}
