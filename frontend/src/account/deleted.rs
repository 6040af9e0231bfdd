use yew::prelude::*;

use crate::components::page::Page;

/// The last page of an account.
pub fn deleted_page() -> Html {
    let subtitle = html! { <p>{ "Nothing of it is left. Thank you for having been here." }</p> };
    html! {
        <Page key="deleted" title="Your account is deleted" {subtitle} narrow=true>
            <a href="/signup" class="button button-quiet">{ "Create a new account" }</a>
        </Page>
    }
}
