use yew::prelude::*;

use crate::components::page::Page;

/// For a path that leads nowhere.
pub fn not_found_page() -> Html {
    let subtitle = html! { <p>{ "There is nothing at this address. It may have been mistyped." }</p> };
    html! {
        <Page key="not-found" title="Page not found" {subtitle} narrow=true>
            <a href="/tasks" class="button button-main">{ "Go to your tasks" }</a>
        </Page>
    }
}
