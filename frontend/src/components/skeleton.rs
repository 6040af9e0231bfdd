use yew::prelude::*;

/// Holds the place of the list while it is fetched.
pub fn skeleton() -> Html {
    html! {
        <div class="list" aria-busy="true">
            <p class="sr-only">{ "Loading your tasks" }</p>
            { for (0..3).map(|_| html! { <div class="skeleton-row"><span /><span /></div> }) }
        </div>
    }
}
