//! A form: checks the values while the user types, submits them, and shows errors at their inputs.

use std::pin::Pin;

use shared::problem::FieldError;
use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;

use super::field::Field;
use super::flag::use_flag;
use super::input::{Input, Values};
use crate::browser::focus;
use crate::failure::Failure;

/// The submission of a form.
pub type Submitting = Pin<Box<dyn Future<Output = Result<(), Failure>>>>;

/// Why a form was not submitted, where another part of the page has to act first.
#[derive(Clone, Debug, PartialEq)]
pub enum Interruption {
    SessionEnded,
    /// The user has to enter the password again. The callback submits the form once more.
    PasswordRequired(Callback<()>),
}

#[derive(PartialEq, Properties)]
pub struct FormProps {
    /// Unique on the page.
    pub id: AttrValue,
    /// Without inputs the form is a single button.
    #[prop_or_default]
    pub inputs: Vec<Input>,
    /// All rules that the values break.
    #[prop_or_else(|| Callback::from(|_| Vec::new()))]
    pub check: Callback<Values, Vec<FieldError>>,
    /// Submits values that break no rule.
    pub submit: Callback<Values, Submitting>,
    /// The text of the button.
    pub button: AttrValue,
    /// The text of the button during the submission.
    pub busy: AttrValue,
    /// The accessible name of the button, if its text is not unique.
    #[prop_or_default]
    pub label: Option<AttrValue>,
    #[prop_or(AttrValue::Static("button button-main"))]
    pub button_class: AttrValue,
    #[prop_or_default]
    pub oninterrupt: Callback<Interruption>,
    /// Shown beside the button.
    #[prop_or_default]
    pub children: Html,
}

/// A form. The values are kept until a submission succeeds; there is at most one submission at a time.
#[component]
pub fn Form(props: &FormProps) -> Html {
    let state = use_form_state();
    let values = Values::of(&props.inputs, &state.typed);
    let broken_rules = props.check.emit(values.clone());
    let mut errors = (*state.refused).clone();
    errors.extend(broken_rules.iter().cloned());

    let field = |input: &Input| state.field(&props.id, input, values.get(input.name), &errors);
    let fields: Html = props.inputs.iter().map(field).collect();
    let sending = *state.sending;
    let form = FormHandle {
        id: props.id.clone(),
        names: props.inputs.iter().map(|input| input.name).collect(),
        values,
        submit: props.submit.clone(),
        oninterrupt: props.oninterrupt.clone(),
        state: state.clone(),
    };
    let alert_id = form.alert_id();
    let onsubmit = move |event: SubmitEvent| {
        event.prevent_default();
        form.state.show_errors.set(true);
        if !broken_rules.is_empty() {
            form.focus_error(&broken_rules);
        } else if !sending {
            form.submit();
        }
    };
    html! {
        <form class="form" novalidate=true {onsubmit}>
            if let Some(text) = &*state.alert {
                <p id={alert_id} class="alert" role="alert" tabindex="-1">{ text }</p>
            }
            { fields }
            <div class="form-actions">
                // A disabled button would lose the focus.
                <button type="submit" class={&props.button_class} aria-disabled={sending.then_some("true")}
                    aria-label={&props.label}>
                    { if sending { &props.busy } else { &props.button } }
                </button>
                { props.children.clone() }
            </div>
        </form>
    }
}

#[derive(Clone)]
struct FormState {
    typed: UseStateHandle<Values>,
    /// Shows errors of inputs that the user has not left yet: there was an attempt to submit.
    show_errors: UseStateHandle<bool>,
    show_passwords: UseStateHandle<bool>,
    sending: UseStateHandle<bool>,
    /// The server's error message for the form as a whole.
    alert: UseStateHandle<Option<String>>,
    /// The server's errors for single inputs, each until the value changes.
    refused: UseStateHandle<Vec<FieldError>>,
}

#[hook]
fn use_form_state() -> FormState {
    FormState {
        typed: use_state(Values::default),
        show_errors: use_flag(),
        show_passwords: use_flag(),
        sending: use_flag(),
        alert: use_state_eq(|| None::<String>),
        refused: use_state_eq(Vec::<FieldError>::new),
    }
}

impl FormState {
    fn field(&self, form_id: &str, input: &Input, value: String, errors: &[FieldError]) -> Html {
        let Input { name, label, .. } = *input;
        let is_password = input.input_type == "password";
        let input_type = if is_password && *self.show_passwords {
            "text"
        } else {
            input.input_type
        };
        let state = self.clone();
        let oninput = move |value| state.set(name, value);
        html! {
            <Field id={field_id(form_id, name)} {label} {input_type} autocomplete={input.autocomplete}
                {value} {oninput} error={error_of(errors, name)} show_error={*self.show_errors}
                hint={input.hint.clone()}>
                if is_password { { self.password_toggle(label) } }
            </Field>
        }
    }

    fn set(&self, name: &'static str, value: String) {
        let mut typed = (*self.typed).clone();
        typed.set(name, value);
        self.typed.set(typed);
        let mut refused = (*self.refused).clone();
        refused.retain(|error| !is_of(error, name));
        self.refused.set(refused);
    }

    fn password_toggle(&self, label: &str) -> Html {
        let text = if *self.show_passwords { "Hide" } else { "Show" };
        let show_passwords = self.show_passwords.clone();
        html! {
            <button type="button" class="input-button" onclick={move |_| show_passwords.set(!*show_passwords)}
                aria-label={format!("{text} {}", label.to_ascii_lowercase())}>
                { text }
            </button>
        }
    }
}

/// A form as it was last rendered.
#[derive(Clone)]
struct FormHandle {
    id: AttrValue,
    names: Vec<&'static str>,
    values: Values,
    submit: Callback<Values, Submitting>,
    oninterrupt: Callback<Interruption>,
    state: FormState,
}

impl FormHandle {
    fn alert_id(&self) -> String {
        format!("{}-alert", self.id)
    }

    fn submit(&self) {
        let form = self.clone();
        // A second request for the password has no further attempt.
        self.send(Callback::from(move |()| form.send(Callback::noop())));
    }

    fn send(&self, retry: Callback<()>) {
        self.state.sending.set(true);
        self.state.alert.set(None);
        let submitting = self.submit.emit(self.values.clone());
        let form = self.clone();
        spawn_local(async move { form.finish(submitting.await, retry) });
    }

    fn finish(&self, result: Result<(), Failure>, retry: Callback<()>) {
        let state = &self.state;
        state.sending.set(false);
        match result {
            Ok(()) => {
                state.show_errors.set(false);
                state.typed.set(Values::default());
            }
            Err(Failure::SessionEnded) => self.oninterrupt.emit(Interruption::SessionEnded),
            Err(failure) if failure.needs_password() => {
                self.oninterrupt.emit(Interruption::PasswordRequired(retry));
            }
            Err(failure) => {
                let errors = failure.field_errors().to_vec();
                if !self.focus_error(&errors) {
                    state.alert.set(Some(failure.message()));
                }
                state.refused.set(errors);
            }
        }
    }

    /// Focuses the first input with an error, otherwise the alert. Returns whether there is such an input.
    fn focus_error(&self, errors: &[FieldError]) -> bool {
        let name = self.names.iter().find(|name| error_of(errors, name).is_some());
        focus::focus_after_render(name.map_or_else(|| self.alert_id(), |name| field_id(&self.id, name)));
        name.is_some()
    }
}

fn field_id(form_id: &str, name: &str) -> String {
    format!("{form_id}-{name}")
}

fn is_of(error: &FieldError, name: &str) -> bool {
    error.pointer.strip_prefix('/') == Some(name)
}

/// The message of the first error of the input `name`.
pub fn error_of(errors: &[FieldError], name: &str) -> Option<AttrValue> {
    let error = errors.iter().find(|error| is_of(error, name));
    error.map(|error| error.detail.clone().into())
}
