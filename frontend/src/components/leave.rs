use yew::prelude::*;

use crate::dom;

#[derive(PartialEq, Properties)]
pub struct LeaveProps {
    /// A path of this site, with its query.
    pub to: AttrValue,
}

/// Goes to a page of the other program, which the browser loads, and leaves no trace in the history.
#[component]
pub fn Leave(props: &LeaveProps) -> Html {
    use_effect_with(props.to.clone(), |to| dom::go(to));
    Html::default()
}
