//! The few things that Yew leaves to the browser's own interface.

use gloo_timers::callback::Timeout;
use js_sys::{Array, Function, Promise, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, BlobPropertyBag, Document, Element, HtmlElement, HtmlInputElement, Url, UrlSearchParams};
use yew::{MouseEvent, NodeRef, TargetCast};

use crate::account;

/// The page.
pub fn document() -> Option<Document> {
    web_sys::window()?.document()
}

/// What `index.html` says in the `meta` element of this name; empty if there is none.
pub fn meta(name: &str) -> String {
    document()
        .and_then(|document| document.query_selector(&format!("meta[name={name}]")).ok()?)
        .and_then(|meta| meta.get_attribute("content"))
        .unwrap_or_default()
}

/// The path in the address.
pub fn path() -> String {
    let location = web_sys::window().map(|window| window.location());
    location
        .and_then(|location| location.pathname().ok())
        .unwrap_or_default()
}

/// A value of the query in the address.
pub fn query(name: &str) -> Option<String> {
    let query = web_sys::window()?.location().search().ok()?;
    UrlSearchParams::new_with_str(&query).ok()?.get(name)
}

/// Loads another page of ours in the place of this one.
pub fn go(to: &str) {
    if let Some(window) = web_sys::window() {
        // Only an address that makes no sense is refused.
        let _ = window.location().replace(to);
    }
}

/// Runs a script of ours.
pub fn load_script(address: &str) {
    let script = document().and_then(|page| page.create_element("script").ok());
    if let Some((script, head)) = script.zip(document().and_then(|page| page.head())) {
        // A fresh element takes attributes and has no place yet.
        let _ = script.set_attribute("type", "module");
        let _ = script.set_attribute("src", address);
        let _ = head.append_child(&script);
    }
}

/// The element with this id.
pub fn element(id: &str) -> Option<Element> {
    document()?.get_element_by_id(id)
}

/// Moves the focus to the element with this id.
pub fn focus(id: &str) -> bool {
    let element = element(id).and_then(|element| element.dyn_into::<HtmlElement>().ok());
    // Only an element that is not on the page refuses.
    element.is_some_and(|element| element.focus().is_ok())
}

/// Moves the focus to the element with this id once Yew has shown what it has to show.
pub fn focus_soon(id: String) {
    Timeout::new(0, move || {
        focus(&id);
    })
    .forget();
}

/// The same, unless another element has the focus by then.
pub fn focus_if_lost(id: String) {
    Timeout::new(0, move || {
        if focused().is_none_or(|element| element.tag_name() == "BODY") {
            focus(&id);
        }
    })
    .forget();
}

/// Gives the focus back to where it is now if Yew is about to make that element anew in another place.
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

/// Whether the radio button or checkbox with this id is on.
pub fn is_checked(id: &str) -> bool {
    element(id)
        .and_then(|element| element.dyn_into::<HtmlInputElement>().ok())
        .is_some_and(|input| input.checked())
}

/// Moves the focus to an element that Yew made.
pub fn focus_node(node: &NodeRef) {
    if let Some(element) = node.cast::<HtmlElement>() {
        let _ = element.focus();
    }
}

/// Where a plain click on a link to a page of this program leads. Every other click is the browser's.
pub fn followed_link(event: &MouseEvent) -> Option<String> {
    let plain = !(event.ctrl_key() || event.meta_key() || event.shift_key() || event.alt_key());
    let link = event.target_dyn_into::<Element>()?.closest("a[href^='/']").ok()??;
    let href = link.get_attribute("href")?;
    let path = href.split_once('?').map_or(href.as_str(), |(path, _)| path);
    (plain && !account::is_page(path)).then_some(href)
}

/// Puts a text on the clipboard. A browser without one (an insecure origin) does nothing: false.
pub async fn copy(text: &str) -> bool {
    let Some((clipboard, write)) = clipboard() else {
        return false;
    };
    let Ok(written) = write.call1(&clipboard, &text.into()) else {
        return false;
    };
    JsFuture::from(Promise::from(written)).await.is_ok()
}

fn clipboard() -> Option<(JsValue, Function)> {
    let navigator = web_sys::window()?.navigator();
    let clipboard = Reflect::get(&navigator, &"clipboard".into()).ok()?;
    let write = Reflect::get(&clipboard, &"writeText".into()).ok()?;
    Some((clipboard, write.dyn_into().ok()?))
}

/// Lets the person keep a text as a file.
pub fn download(name: &str, kind: &str, text: &str) -> Option<()> {
    let options = BlobPropertyBag::new();
    options.set_type(kind);
    let parts = Array::of1(&text.into());
    let blob = Blob::new_with_str_sequence_and_options(&parts, &options).ok()?;
    let address = Url::create_object_url_with_blob(&blob).ok()?;
    let link: HtmlElement = document()?.create_element("a").ok()?.dyn_into().ok()?;
    link.set_attribute("href", &address).ok()?;
    link.set_attribute("download", name).ok()?;
    link.click();
    // The browser has taken hold of the file by then.
    Timeout::new(60_000, move || {
        let _ = Url::revoke_object_url(&address);
    })
    .forget();
    Some(())
}
