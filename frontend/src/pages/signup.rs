use yew::prelude::*;

use crate::app::{Next, encode};
use crate::components::account_form::{AccountForm, Purpose};
use crate::components::page::Page;
use crate::session::CurrentUser;

/// Makes an account. `next` is where the person wanted to go.
pub fn signup_page(current: &CurrentUser, next: &Next) -> Html {
    html! {
        <Page key="signup" title="Create your account" subtitle={html! { <p>{ "One place for what you have to do." }</p> }}
            narrow=true>
            <AccountForm purpose={Purpose::SignUp} begin={&current.begin} />
            <p class="aside">
                { "Have an account already? " }
                <a href={format!("/login?{}", encode(next))}>{ "Sign in" }</a>
            </p>
        </Page>
    }
}
