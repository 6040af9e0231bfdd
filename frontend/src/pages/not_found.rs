use yew::prelude::*;
use yew_router::prelude::*;

use crate::app::Route;
use crate::components::page::Page;

/// For a path that leads nowhere.
#[component]
pub fn NotFoundPage() -> Html {
    let subtitle = html! { <p>{ "There is nothing at this address. It may have been mistyped." }</p> };
    html! {
        <Page title="Page not found" {subtitle} narrow=true>
            <Link<Route> to={Route::Tasks} classes="button button-main">{ "Go to your tasks" }</Link<Route>>
        </Page>
    }
}
