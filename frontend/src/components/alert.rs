use yew::prelude::*;

use crate::dom;

#[derive(PartialEq, Properties)]
pub struct AlertProps {
    pub text: AttrValue,
}

/// Says what is wrong with a form as a whole, and takes the focus so that nobody misses it.
#[component]
pub fn Alert(props: &AlertProps) -> Html {
    let node = use_node_ref();
    {
        let node = node.clone();
        use_effect_with(props.text.clone(), move |_| dom::focus_node(&node));
    }
    html! { <p ref={node} class="alert" role="alert" tabindex="-1">{ &props.text }</p> }
}
