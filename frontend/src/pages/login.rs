use yew::prelude::*;

use crate::app::{Next, encode};
use crate::components::account_form::{AccountForm, Purpose};
use crate::components::page::Page;
use crate::session::CurrentUser;

/// Signs in. `next` is where the person wanted to go.
pub fn login_page(current: &CurrentUser, next: &Next) -> Html {
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
                <a href={format!("/signup?{}", encode(next))}>{ "Create an account" }</a>
            </p>
        </Page>
    }
}
