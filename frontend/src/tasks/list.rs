use yew::prelude::*;

use super::icon::Icon;

/// Stands where the list would be. `action` is what can be done about it.
pub fn empty_state(icon: Icon, title: &'static str, text: impl Into<AttrValue>, action: Html) -> Html {
    html! {
        <div class="empty">
            <div class="empty-icon">{ icon.draw() }</div>
            <h2>{ title }</h2>
            <p>{ text.into() }</p>
            { action }
        </div>
    }
}
