//! The page after the account was deleted.

use yew::prelude::*;

use crate::ui::page::Page;

/// The page.
pub fn deleted_page() -> Html {
    let subtitle =
        html! { <p>{ "Your tasks, your sessions and your activity are deleted too. Thank you for using Docket." }</p> };
    html! {
        <Page key="deleted" title="Your account is deleted" {subtitle} narrow=true>
            <a href="/signup" class="button button-quiet">{ "Create a new account" }</a>
        </Page>
    }
}
