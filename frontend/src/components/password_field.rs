use yew::prelude::*;

use super::field::Field;

#[derive(PartialEq, Properties)]
pub struct PasswordFieldProps {
    pub id: AttrValue,
    pub value: AttrValue,
    pub oninput: Callback<String>,
    pub autocomplete: AttrValue,
    #[prop_or_default]
    pub error: Option<AttrValue>,
    #[prop_or_default]
    pub insist: bool,
    #[prop_or_default]
    pub hint: Option<AttrValue>,
}

/// A password, hidden until the person asks to see it.
#[component]
pub fn PasswordField(props: &PasswordFieldProps) -> Html {
    let shown = use_state(|| false);
    let onclick = {
        let shown = shown.clone();
        move |_| shown.set(!*shown)
    };
    let (kind, word) = if *shown { ("text", "Hide") } else { ("password", "Show") };
    html! {
        <Field id={&props.id} label="Password" {kind} value={&props.value} oninput={&props.oninput}
            autocomplete={&props.autocomplete} error={props.error.clone()} insist={props.insist}
            hint={props.hint.clone()}>
            <button type="button" class="input-button" {onclick} aria-label={format!("{word} password")}
                aria-controls={&props.id}>
                { word }
            </button>
        </Field>
    }
}
