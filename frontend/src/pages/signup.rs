use yew::prelude::*;
use yew_router::prelude::*;

use crate::app::{Next, Route};
use crate::components::account_form::{AccountForm, Purpose};
use crate::components::page::Page;
use crate::session::CurrentUser;

/// Makes an account. `next` is where the person wanted to go.
pub fn signup_page(current: &CurrentUser, next: Next) -> Html {
    html! {
        <Page key="signup" title="Create your account" subtitle={html! { <p>{ "One place for what you have to do." }</p> }}
            narrow=true>
            <AccountForm purpose={Purpose::SignUp} begin={&current.begin} />
            <p class="aside">
                { "Have an account already? " }
                <Link<Route, Next> to={Route::Login} query={next}>{ "Sign in" }</Link<Route, Next>>
            </p>
        </Page>
    }
}
