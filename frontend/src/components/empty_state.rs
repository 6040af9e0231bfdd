use yew::prelude::*;

use super::icon::Icon;

#[derive(PartialEq, Properties)]
pub struct EmptyStateProps {
    pub icon: Icon,
    pub title: AttrValue,
    pub text: AttrValue,
    /// What can be done about it.
    #[prop_or_default]
    pub children: Html,
}

/// Stands where the list would be.
#[component]
pub fn EmptyState(props: &EmptyStateProps) -> Html {
    html! {
        <div class="empty">
            <div class="empty-icon">{ props.icon.draw() }</div>
            <h2>{ &props.title }</h2>
            <p>{ &props.text }</p>
            { props.children.clone() }
        </div>
    }
}
