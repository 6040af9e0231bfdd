//! The document, the address, the clipboard and downloads.

use gloo_events::EventListener;
use gloo_timers::callback::Timeout;
use js_sys::{Array, Function, Promise, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, BlobPropertyBag, Document, Element, HtmlElement, HtmlInputElement, Url, UrlSearchParams};

/// The document of this window.
pub fn document() -> Option<Document> {
    web_sys::window()?.document()
}

/// The content of the `meta` element with this name; empty if there is none.
pub fn meta(name: &str) -> String {
    document()
        .and_then(|document| document.query_selector(&format!("meta[name={name}]")).ok()?)
        .and_then(|meta| meta.get_attribute("content"))
        .unwrap_or_default()
}

/// The path of the current URL.
pub fn path() -> String {
    let location = web_sys::window().map(|window| window.location());
    location
        .and_then(|location| location.pathname().ok())
        .unwrap_or_default()
}

/// A parameter in the fragment of the current URL.
pub fn fragment(name: &str) -> Option<String> {
    parameter(web_sys::window()?.location().hash().ok()?.strip_prefix('#')?, name)
}

/// Reloads the page when only the fragment of the URL changes, as when another link to it is opened. Returns what ends this.
pub fn reload_on_other_fragment() -> impl FnOnce() {
    let listener = web_sys::window().map(|window| {
        let location = window.location();
        EventListener::new(&window, "hashchange", move |_| {
            // Fails only if the page is being unloaded.
            let _ = location.reload();
        })
    });
    move || drop(listener)
}

/// A parameter of a URL's query, or of text in that form.
pub fn parameter(query: &str, name: &str) -> Option<String> {
    UrlSearchParams::new_with_str(query).ok()?.get(name)
}

/// Loads another page in place of this one, without an entry in the history.
pub fn replace_page(url: &str) {
    if let Some(window) = web_sys::window() {
        // Fails only for an invalid URL.
        let _ = window.location().replace(url);
    }
}

/// Loads and runs a module script.
pub fn load_script(url: &str) {
    let script = document().and_then(|page| page.create_element("script").ok());
    if let Some((script, head)) = script.zip(document().and_then(|page| page.head())) {
        // Cannot fail: the element is new, and the names of the attributes are valid.
        let _ = script.set_attribute("type", "module");
        let _ = script.set_attribute("src", url);
        let _ = head.append_child(&script);
    }
}

/// The element with this id.
pub fn element(id: &str) -> Option<Element> {
    document()?.get_element_by_id(id)
}

/// Whether the radio button or checkbox with this id is checked.
pub fn is_checked(id: &str) -> bool {
    element(id)
        .and_then(|element| element.dyn_into::<HtmlInputElement>().ok())
        .is_some_and(|input| input.checked())
}

/// Copies a text to the clipboard. Returns false if the browser does not allow it, as on an insecure origin.
pub async fn copy_to_clipboard(text: &str) -> bool {
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

/// Downloads a text as a file of this name and media type.
pub fn download(name: &str, media_type: &str, text: &str) -> Option<()> {
    let options = BlobPropertyBag::new();
    options.set_type(media_type);
    let parts = Array::of1(&text.into());
    let blob = Blob::new_with_str_sequence_and_options(&parts, &options).ok()?;
    let url = Url::create_object_url_with_blob(&blob).ok()?;
    let link: HtmlElement = document()?.create_element("a").ok()?.dyn_into().ok()?;
    link.set_attribute("href", &url).ok()?;
    link.set_attribute("download", name).ok()?;
    link.click();
    // The download has read the blob by then.
    Timeout::new(60_000, move || {
        let _ = Url::revoke_object_url(&url);
    })
    .forget();
    Some(())
}
