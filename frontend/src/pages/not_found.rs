use yew::prelude::*;
use yew_router::prelude::*;

use crate::app::{Next, Route};
use crate::components::page::Page;

/// For a path that leads nowhere.
pub fn not_found_page() -> Html {
    let subtitle = html! { <p>{ "There is nothing at this address. It may have been mistyped." }</p> };
    html! {
        <Page key="not-found" title="Page not found" {subtitle} narrow=true>
            <Link<Route, Next> to={Route::Tasks} classes="button button-main">{ "Go to your tasks" }</Link<Route, Next>>
        </Page>
    }
}
