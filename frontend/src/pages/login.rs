use yew::prelude::*;
use yew_router::prelude::*;

use crate::app::{Next, Route};
use crate::components::account_form::{AccountForm, Purpose};
use crate::components::page::Page;
use crate::session::CurrentUser;

/// Signs in. `next` is where the person wanted to go.
pub fn login_page(current: &CurrentUser, next: Next) -> Html {
    let subtitle = if current.expired {
        "Your session has ended. Sign in to go on where you were; nothing is lost."
    } else {
        "Good to see you again."
    };
    html! {
        <Page key="login" title="Sign in" subtitle={html! { <p>{ subtitle }</p> }} narrow=true>
            <AccountForm purpose={Purpose::SignIn} begin={&current.begin} />
            <p class="aside">
                { "New here? " }
                <Link<Route, Next> to={Route::Signup} query={next}>{ "Create an account" }</Link<Route, Next>>
            </p>
        </Page>
    }
}
