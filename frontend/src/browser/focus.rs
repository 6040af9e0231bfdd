//! Keyboard focus.

use gloo_timers::callback::Timeout;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement};
use yew::NodeRef;

use super::dom::{document, element};

/// Focuses the element with this id. Returns whether there is such an element.
pub fn focus(id: &str) -> bool {
    let element = element(id).and_then(|element| element.dyn_into::<HtmlElement>().ok());
    element.is_some_and(|element| element.focus().is_ok())
}

/// Focuses the element with this id after the next render.
pub fn focus_after_render(id: String) {
    Timeout::new(0, move || {
        focus(&id);
    })
    .forget();
}

/// Focuses the element with this id after the next render, unless another element has the focus by then.
pub fn focus_if_lost(id: String) {
    Timeout::new(0, move || {
        if focused().is_none_or(|element| element.tag_name() == "BODY") {
            focus(&id);
        }
    })
    .forget();
}

/// Restores the focus after the next render if Yew replaces the element that has it now by one with the same id.
pub fn keep_focus() {
    if let Some(element) = focused() {
        focus_if_lost(element.id());
    }
}

fn focused() -> Option<Element> {
    document()?.active_element()
}

/// Whether the element with this id has the focus.
pub fn has_focus(id: &str) -> bool {
    focused().is_some_and(|element| element.id() == id)
}

/// Focuses the element of a Yew node.
pub fn focus_node(node: &NodeRef) {
    if let Some(element) = node.cast::<HtmlElement>() {
        let _ = element.focus();
    }
}
