use yew::prelude::*;

use super::icon::Icon;

/// Says why the server cannot be reached, that changes wait, and that none is lost.
pub fn trouble_banner(why: &str, retry: &Callback<()>) -> Html {
    html! {
        <div class="banner">
            { Icon::Cloud.draw() }
            <p>{ format!("{why} Changes are kept and will be sent.") }</p>
            <button type="button" class="button button-quiet" onclick={retry.reform(|_| ())}>{ "Try now" }</button>
        </div>
    }
}
