//! The placeholder of a list that is being loaded.

use yew::prelude::*;

/// The placeholder; `text` is for screen readers.
pub fn skeleton(text: &'static str) -> Html {
    html! {
        <div class="list" aria-busy="true">
            <p class="sr-only">{ text }</p>
            { for (0..3).map(|_| html! { <div class="skeleton-row"><span /><span /></div> }) }
        </div>
    }
}
