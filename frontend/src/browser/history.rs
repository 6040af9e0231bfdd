//! The address of the page, and its entries in the history of the tab.

use gloo_events::EventListener;
use wasm_bindgen::JsValue;
use web_sys::Event;
use yew::prelude::*;

/// The event of the browser when the user goes back or forward.
const MOVED: &str = "popstate";

/// The path and the query of a page.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Address {
    pub path: String,
    /// With its question mark; empty if there is none.
    pub query: String,
}

/// The current address.
pub fn address() -> Address {
    let location = web_sys::window().map(|window| window.location());
    location.map_or_else(Address::default, |location| Address {
        path: location.pathname().unwrap_or_default(),
        query: location.search().unwrap_or_default(),
    })
}

/// Shows `url`, of this site, as a new entry of the history.
pub fn push(url: &str) {
    if let Some(history) = history() {
        // Fails only for a URL of another site.
        let _ = history.push_state_with_url(&JsValue::NULL, "", Some(url));
    }
    notify();
}

/// Shows `url`, of this site, in place of the current entry of the history, so that "back" does not return to that.
pub fn replace(url: &str) {
    if let Some(history) = history() {
        // As above.
        let _ = history.replace_state_with_url(&JsValue::NULL, "", Some(url));
    }
    notify();
}

fn history() -> Option<web_sys::History> {
    web_sys::window()?.history().ok()
}

/// Tells the hooks. The browser itself has no event for a page that changes its own address.
fn notify() {
    if let (Some(window), Ok(event)) = (web_sys::window(), Event::new(MOVED)) {
        // Fails only while the same event is dispatched.
        let _ = window.dispatch_event(&event);
    }
}

/// The current address, also after it has changed.
#[hook]
pub fn use_address() -> Address {
    let shown = use_state_eq(address);
    let setter = shown.setter();
    use_effect_with((), move |()| {
        let update = move || setter.set(address());
        // The effects of a child, such as a redirect, have run before.
        update();
        let listener = web_sys::window().map(|window| EventListener::new(&window, MOVED, move |_| update()));
        move || drop(listener)
    });
    (*shown).clone()
}
