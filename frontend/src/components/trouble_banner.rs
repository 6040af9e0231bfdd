use yew::prelude::*;

use super::icon::Icon;
use super::toast::use_toasts;

#[derive(PartialEq, Properties)]
pub struct TroubleBannerProps {
    /// Why the server cannot be reached.
    pub why: AttrValue,
    pub onretry: Callback<()>,
}

/// Says that changes wait, and that none is lost.
#[component]
pub fn TroubleBanner(props: &TroubleBannerProps) -> Html {
    let text = format!("{} Changes are kept and will be sent.", props.why);
    {
        let toasts = use_toasts();
        use_effect_with(text.clone(), move |text| toasts.announce(text.clone()));
    }
    html! {
        <div class="banner">
            { Icon::Cloud.draw() }
            <p>{ text }</p>
            <button type="button" class="button button-quiet" onclick={props.onretry.reform(|_| ())}>
                { "Try now" }
            </button>
        </div>
    }
}
