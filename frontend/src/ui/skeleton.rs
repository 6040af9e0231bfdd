use yew::prelude::*;

/// Holds the place of a list while it is fetched.
pub fn skeleton(text: &'static str) -> Html {
    html! {
        <div class="list" aria-busy="true">
            <p class="sr-only">{ text }</p>
            { for (0..3).map(|_| html! { <div class="skeleton-row"><span /><span /></div> }) }
        </div>
    }
}
