use yew::prelude::*;
use yew_router::prelude::*;
use yew_router::query::Raw;

use crate::app::Route;

#[derive(PartialEq, Properties)]
pub struct RedirectProps {
    pub to: Route,
    #[prop_or_default]
    pub query: String,
}

/// Goes elsewhere and leaves no trace in the history, so that "back" does not lead here again.
#[component]
pub fn Redirect(props: &RedirectProps) -> Html {
    let navigator = use_navigator();
    use_effect_with((props.to, props.query.clone()), move |(to, query)| {
        if let Some(navigator) = navigator {
            if query.is_empty() {
                navigator.replace(to);
            } else {
                // A raw query cannot fail.
                let _ = navigator.replace_with_query(to, Raw(query));
            }
        }
    });
    Html::default()
}
