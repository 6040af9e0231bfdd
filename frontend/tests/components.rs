//! Tests of components that need a browser's DOM: what assistive technology gets, and when.
#![cfg(target_family = "wasm")]
#![allow(clippy::expect_used)]

use client::ui::field::Field;
use client::ui::toast::{Toast, use_toasts};
use gloo_timers::future::TimeoutFuture;
use wasm_bindgen::JsCast;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};
use web_sys::{Document, Element, Event, EventInit, HtmlElement, HtmlInputElement};
use yew::prelude::*;

wasm_bindgen_test_configure!(run_in_browser);

fn document() -> Document {
    web_sys::window().and_then(|window| window.document()).expect("a page")
}

/// Renders a component into the page.
async fn render<C: BaseComponent<Properties = ()>>() -> Element {
    let root = document().create_element("div").expect("an element");
    document().body().expect("a body").append_child(&root).expect("a child");
    yew::Renderer::<C>::with_root(root.clone()).render();
    rendered().await;
    root
}

/// Waits for the next render.
async fn rendered() {
    TimeoutFuture::new(0).await;
}

fn find<T: JsCast>(root: &Element, selector: &str) -> T {
    let found = root.query_selector(selector).expect("a selector").expect(selector);
    found.dyn_into().expect("another kind of element")
}

#[component]
fn TitleField() -> Html {
    let value = use_state(|| "a".to_owned());
    let error = (value.len() > 3).then_some("Too long.");
    let oninput = {
        let value = value.clone();
        move |text| value.set(text)
    };
    html! {
        <Field id="title" label="Title" value={(*value).clone()} hint="Short." {oninput} error={error.map(AttrValue::from)} />
    }
}

#[wasm_bindgen_test]
async fn a_field_shows_its_error_after_it_loses_the_focus() {
    let root = render::<TitleField>().await;
    let input: HtmlInputElement = find(&root, "input");
    assert_eq!(input.get_attribute("aria-describedby").as_deref(), Some("title-hint"));

    input.focus().expect("the focus");
    input.set_value("too long");
    let bubbling = EventInit::new();
    bubbling.set_bubbles(true);
    let typed = Event::new_with_event_init_dict("input", &bubbling).expect("an event");
    input.dispatch_event(&typed).expect("a dispatched event");
    rendered().await;
    assert_eq!(
        input.get_attribute("aria-invalid"),
        None,
        "not while the user types for the first time"
    );

    input.blur().expect("a blurred input");
    rendered().await;
    assert_eq!(input.get_attribute("aria-invalid").as_deref(), Some("true"));
    let described_by = input.get_attribute("aria-describedby").expect("a description");
    let description = document().get_element_by_id(&described_by).expect("the description");
    assert_eq!(description.text_content().as_deref(), Some("Too long."));
    root.remove();
}

#[component]
fn Deletion() -> Html {
    let (toasts, place) = use_toasts();
    let undone = use_state(|| false);
    let undo = {
        let undone = undone.clone();
        Callback::from(move |()| undone.set(true))
    };
    let onclick = move |_| {
        toasts.show(Toast {
            text: "Deleted".into(),
            is_error: false,
            onundo: Some(undo.clone()),
            onclose: Callback::noop(),
        });
    };
    html! {
        <>
            <button class="delete" {onclick}>{ "Delete" }</button>
            <output>{ undone.to_string() }</output>
            { place }
        </>
    }
}

#[wasm_bindgen_test]
async fn a_toast_is_shown_in_a_live_region_and_undoes() {
    let root = render::<Deletion>().await;
    let region: Element = find(&root, "[role=status][aria-live=polite]");
    assert_eq!(
        region.text_content().as_deref(),
        Some(""),
        "changes are announced only if the region exists before"
    );

    find::<HtmlElement>(&root, ".delete").click();
    rendered().await;
    assert!(region.text_content().expect("a text").contains("Deleted"));

    find::<HtmlElement>(&region, ".toast-action").click();
    rendered().await;
    assert_eq!(region.text_content().as_deref(), Some(""));
    assert_eq!(find::<Element>(&root, "output").text_content().as_deref(), Some("true"));
    root.remove();
}
