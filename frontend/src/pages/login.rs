use shared::account::SignIn;
use yew::prelude::*;
use yew_router::prelude::*;

use super::account_form::use_account_form;
use crate::api;
use crate::app::{Next, Route};
use crate::components::alert::Alert;
use crate::components::field::Field;
use crate::components::page::Page;
use crate::components::password_field::PasswordField;
use crate::session::use_current_user;

/// Signs in.
#[component]
pub fn LoginPage() -> Html {
    let form = use_account_form(api::sign_in);
    let expired = use_current_user().expired;
    let next = use_location().and_then(|location| location.query::<Next>().ok());

    let subtitle = if expired {
        html! { <p role="note">{ "Your session has ended. Sign in to go on where you were; nothing is lost." }</p> }
    } else {
        html! { <p>{ "Good to see you again." }</p> }
    };
    html! {
        <Page title="Sign in" {subtitle} narrow=true>
            <form class="card form" novalidate=true onsubmit={form.onsubmit.clone()}>
                if let Some(text) = form.alert.clone() {
                    <Alert {text} />
                }
                <Field id="email" label="E-mail" kind="email" autocomplete="email" value={form.value.email.clone()}
                    oninput={form.oninput("email", |value: &mut SignIn, text| value.email = text)}
                    error={form.error("email")} insist={form.insist} />
                <PasswordField id="password" autocomplete="current-password" value={form.value.password.clone()}
                    oninput={form.oninput("password", |value: &mut SignIn, text| value.password = text)}
                    error={form.error("password")} insist={form.insist} />
                <button type="submit" class="button button-main button-wide" disabled={form.sending}>
                    { if form.sending { "Signing in…" } else { "Sign in" } }
                </button>
            </form>
            <p class="aside">
                { "New here? " }
                <Link<Route, Next> to={Route::Signup} query={next}>{ "Create an account" }</Link<Route, Next>>
            </p>
        </Page>
    }
}
