use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlInputElement, HtmlTextAreaElement};
use yew::prelude::*;

use crate::flag::use_flag;

#[derive(PartialEq, Properties)]
pub struct FieldProps {
    /// Unique on the page.
    pub id: AttrValue,
    pub label: AttrValue,
    pub value: AttrValue,
    pub oninput: Callback<String>,
    /// What is wrong with the value, if anything is.
    #[prop_or_default]
    pub error: Option<AttrValue>,
    /// Shows what is wrong even before the person has left the field: they have tried to send the form.
    #[prop_or_default]
    pub insist: bool,
    #[prop_or_default]
    pub hint: Option<AttrValue>,
    /// The `type` of the input.
    #[prop_or(AttrValue::Static("text"))]
    pub kind: AttrValue,
    #[prop_or_default]
    pub autocomplete: Option<AttrValue>,
    /// Several lines instead of one.
    #[prop_or_default]
    pub multiline: bool,
    /// Stands inside the box, behind the text.
    #[prop_or_default]
    pub children: Html,
}

/// A labelled input. What is wrong with the value is said once the person has typed something and left the field, and
/// from then on as they type.
#[component]
pub fn Field(props: &FieldProps) -> Html {
    let typed = use_flag();
    let left = use_flag();

    let error = props.error.as_ref().filter(|_| props.insist || *left);
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
        // An error that appears now would move a button away from under the pointer that is pressing it.
        if *typed && next.is_none_or(|next| next.tag_name() != "BUTTON") {
            left.set(true);
        }
    };

    let plain = matches!(props.kind.as_str(), "email" | "password");
    let input = if props.multiline {
        html! {
            <textarea id={&props.id} class="input" rows="3" value={&props.value}
                aria-invalid={invalid} aria-describedby={described_by} {oninput} {onblur} />
        }
    } else {
        html! {
            <input id={&props.id} class="input" type={&props.kind} value={&props.value}
                aria-invalid={invalid} aria-describedby={described_by} {oninput} {onblur}
                autocomplete={&props.autocomplete} inputmode={(props.kind == "email").then_some("email")}
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
