//! The banner that is shown while the server cannot be reached.

use yew::prelude::*;

use crate::ui::icon::Icon;

/// The banner: `why` the server cannot be reached, and whether all changes are stored in the browser.
pub fn offline_banner(why: &str, all_stored: bool, retry: &Callback<()>) -> Html {
    let changes = if all_stored {
        "Changes are saved on this device and will be sent."
    } else {
        "Changes could not be saved on this device. Keep this tab open until they are sent."
    };
    html! {
        <div class="banner">
            { Icon::Cloud.view() }
            <p>{ format!("{why} {changes}") }</p>
            <button type="button" class="button button-quiet" onclick={retry.reform(|_| ())}>{ "Try now" }</button>
        </div>
    }
}
