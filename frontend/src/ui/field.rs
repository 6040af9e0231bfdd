//! A labelled input with its error and its hint.

use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlInputElement, HtmlTextAreaElement};
use yew::prelude::*;

use super::flag::use_flag;

#[derive(PartialEq, Properties)]
pub struct FieldProps {
    /// Unique on the page.
    pub id: AttrValue,
    pub label: AttrValue,
    pub value: AttrValue,
    pub oninput: Callback<String>,
    /// The error of the value.
    #[prop_or_default]
    pub error: Option<AttrValue>,
    /// Shows the error before the user has left the input, as after an attempt to submit.
    #[prop_or_default]
    pub show_error: bool,
    #[prop_or_default]
    pub hint: Option<AttrValue>,
    /// The `type` of the input.
    #[prop_or(AttrValue::Static("text"))]
    pub input_type: AttrValue,
    #[prop_or_default]
    pub autocomplete: Option<AttrValue>,
    /// Renders a `textarea`.
    #[prop_or_default]
    pub multiline: bool,
    /// Shown in the box of the input, after the text.
    #[prop_or_default]
    pub children: Html,
}

/// A labelled input. Shows the error once the user has typed something and left the input, and from then on while they
/// type.
#[component]
pub fn Field(props: &FieldProps) -> Html {
    let typed = use_flag();
    let left = use_flag();

    let error = props.error.as_ref().filter(|_| props.show_error || *left);
    let error_id = format!("{}-error", props.id);
    let hint_id = format!("{}-hint", props.id);
    let described_by = if error.is_some() {
        Some(error_id.clone())
    } else {
        props.hint.as_ref().map(|_| hint_id.clone())
    };
    let invalid = error.is_some().then_some("true");

    let oninput = {
        let (typed, oninput) = (typed.setter(), props.oninput.clone());
        move |event: InputEvent| {
            typed.set(true);
            oninput.emit(value_of(&event));
        }
    };
    let onblur = move |event: FocusEvent| {
        let next = event.related_target().and_then(|next| next.dyn_into::<Element>().ok());
        // If the user presses a button, an error that appears now would move the button away from the pointer.
        if *typed && next.is_none_or(|next| next.tag_name() != "BUTTON") {
            left.set(true);
        }
    };

    let plain = matches!(props.input_type.as_str(), "email" | "password");
    let input = if props.multiline {
        html! {
            <textarea id={&props.id} class="input" rows="3" value={&props.value}
                aria-invalid={invalid} aria-describedby={described_by} {oninput} {onblur} />
        }
    } else {
        html! {
            <input id={&props.id} class="input" type={&props.input_type} value={&props.value}
                aria-invalid={invalid} aria-describedby={described_by} {oninput} {onblur}
                autocomplete={&props.autocomplete} inputmode={(props.input_type == "email").then_some("email")}
                autocapitalize={plain.then_some("none")} spellcheck={plain.then_some("false")} />
        }
    };
    html! {
        <div class="field">
            <label for={&props.id}>{ &props.label }</label>
            <div class="input-box">{ input }{ props.children.clone() }</div>
            if let Some(error) = error {
                <p id={error_id} class="field-error">{ error }</p>
            } else if let Some(hint) = &props.hint {
                <p id={hint_id} class="field-hint">{ hint }</p>
            }
        </div>
    }
}

fn value_of(event: &InputEvent) -> String {
    let input = event.target_dyn_into::<HtmlInputElement>();
    let area = event.target_dyn_into::<HtmlTextAreaElement>();
    input
        .map(|input| input.value())
        .or_else(|| area.map(|area| area.value()))
        .unwrap_or_default()
}
