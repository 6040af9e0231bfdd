//! The few things that Yew leaves to the browser's own interface.

use gloo_timers::callback::Timeout;
use wasm_bindgen::JsCast;
use web_sys::{Document, Element, HtmlElement};
use yew::{MouseEvent, NodeRef, TargetCast};

/// The page.
pub fn document() -> Option<Document> {
    web_sys::window()?.document()
}

/// The element with this id.
pub fn element(id: &str) -> Option<Element> {
    document()?.get_element_by_id(id)
}

/// Moves the focus to the element with this id.
pub fn focus(id: &str) {
    if let Some(element) = element(id).and_then(|element| element.dyn_into::<HtmlElement>().ok()) {
        // Only an element that is not on the page refuses.
        let _ = element.focus();
    }
}

/// Moves the focus to the element with this id once Yew has shown what it has to show.
pub fn focus_soon(id: String) {
    Timeout::new(0, move || focus(&id)).forget();
}

/// Whether the element with this id has the focus.
pub fn has_focus(id: &str) -> bool {
    document()
        .and_then(|document| document.active_element())
        .is_some_and(|element| element.id() == id)
}

/// Moves the focus to an element that Yew made.
pub fn focus_node(node: &NodeRef) {
    if let Some(element) = node.cast::<HtmlElement>() {
        let _ = element.focus();
    }
}

/// Where a plain click on a link to a page of ours leads. Every other click is the browser's.
pub fn followed_link(event: &MouseEvent) -> Option<String> {
    let plain = !(event.ctrl_key() || event.meta_key() || event.shift_key() || event.alt_key());
    let link = event.target_dyn_into::<Element>()?.closest("a[href^='/']").ok()??;
    link.get_attribute("href").filter(|_| plain)
}
