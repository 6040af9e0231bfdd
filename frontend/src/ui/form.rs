use std::pin::Pin;

use shared::problem::FieldError;
use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;

use super::field::Field;
use crate::api::Failure;
use crate::dom;
use crate::flag::use_flag;

/// Something to type.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// The member of the body that it fills: what the server says of the member is shown here.
    pub name: &'static str,
    pub label: &'static str,
    /// The `type` of the input.
    pub kind: &'static str,
    pub autocomplete: &'static str,
    /// What stands there at first.
    pub value: AttrValue,
    pub hint: Option<AttrValue>,
}

impl Input {
    fn new(name: &'static str, label: &'static str, kind: &'static str, autocomplete: &'static str) -> Self {
        Self {
            name,
            label,
            kind,
            autocomplete,
            value: AttrValue::default(),
            hint: None,
        }
    }

    /// What to call the person.
    pub fn person(value: &str) -> Self {
        Self {
            value: value.to_owned().into(),
            ..Self::new("name", "Name", "text", "name")
        }
    }

    /// An e-mail address.
    pub fn email(name: &'static str, label: &'static str) -> Self {
        Self::new(name, label, "email", "email")
    }

    /// The password of the account.
    pub fn password(name: &'static str, label: &'static str) -> Self {
        Self::new(name, label, "password", "current-password")
    }

    /// A password to be.
    pub fn new_password(name: &'static str, label: &'static str, min_length: usize) -> Self {
        let hint = format!(
            "At least {min_length} characters; 15 or more are better. A few words that do not belong together work well."
        );
        Self {
            hint: Some(hint.into()),
            ..Self::new(name, label, "password", "new-password")
        }
    }

    /// A code of an authenticator app, or a recovery code.
    pub fn code(hint: &'static str) -> Self {
        Self {
            hint: Some(hint.into()),
            ..Self::new("code", "Code", "text", "one-time-code")
        }
    }
}

/// What stands in the inputs of a form.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Typed(Vec<(&'static str, String)>);

impl Typed {
    /// What stands in an input; empty if there is no such input.
    pub fn get(&self, name: &str) -> String {
        let found = self.0.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    }

    fn set(&mut self, name: &'static str, value: String) {
        self.0.retain(|(known, _)| *known != name);
        self.0.push((name, value));
    }
}

/// The work of sending a form.
pub type Sending = Pin<Box<dyn Future<Output = Result<(), Failure>>>>;

/// Why a form could not be sent, where it is not for the form to say so.
#[derive(Clone, Debug, PartialEq)]
pub enum Stopped {
    /// Nobody is signed in any more.
    SessionEnded,
    /// The password is asked for again first. The callback sends the form once more.
    NotFresh(Callback<()>),
}

#[derive(PartialEq, Properties)]
pub struct FormProps {
    /// Unique on the page.
    pub id: AttrValue,
    /// Without any, the form is a single button.
    #[prop_or_default]
    pub inputs: Vec<Input>,
    /// Every rule that what is typed breaks.
    #[prop_or_else(|| Callback::from(|_| Vec::new()))]
    pub check: Callback<Typed, Vec<FieldError>>,
    /// Sends what is typed, which breaks no rule.
    pub send: Callback<Typed, Sending>,
    /// What the button says.
    pub button: AttrValue,
    /// What the button says while the form is sent.
    pub busy: AttrValue,
    /// What the button is called, where what it says is not enough.
    #[prop_or_default]
    pub label: Option<AttrValue>,
    /// How the button looks.
    #[prop_or(AttrValue::Static("button button-main"))]
    pub look: AttrValue,
    #[prop_or_default]
    pub stopped: Callback<Stopped>,
    /// Stands beside the button.
    #[prop_or_default]
    pub children: Html,
}

/// Sends what is typed, once at a time. It is kept until that has worked; what is wrong is said at its field.
#[component]
pub fn Form(props: &FormProps) -> Html {
    let typed = use_state(Typed::default);
    let insist = use_flag();
    let sending = use_flag();
    let shown = use_flag();
    // What the server said: of the form as a whole, and of single fields until they are changed.
    let alert = use_state_eq(|| None::<String>);
    let refused = use_state_eq(Vec::<FieldError>::new);

    let mut current = Typed::default();
    for input in &props.inputs {
        current.set(input.name, input.value.to_string());
    }
    for (name, value) in &typed.0 {
        current.set(name, value.clone());
    }
    let mut errors = (*refused).clone();
    errors.extend(props.check.emit(current.clone()));

    let alert_id = format!("{}-alert", props.id);
    let names: Vec<&str> = props.inputs.iter().map(|input| input.name).collect();
    let focus = {
        let (id, names, alert_id) = (props.id.clone(), names.clone(), alert_id.clone());
        move |errors: &[FieldError]| {
            let wrong = names.iter().find(|name| error_at(errors, name).is_some());
            dom::focus_soon(wrong.map_or(alert_id.clone(), |name| format!("{id}-{name}")));
            wrong.is_some()
        }
    };
    let submit = {
        let (send, stopped) = (props.send.clone(), props.stopped.clone());
        let (typed, sending, insist) = (typed.clone(), sending.clone(), insist.setter());
        let (alert, refused) = (alert.setter(), refused.setter());
        let focus = focus.clone();
        let current = current.clone();
        Callback::from(move |again: Callback<()>| {
            sending.set(true);
            alert.set(None);
            let work = send.emit(current.clone());
            let (stopped, focus) = (stopped.clone(), focus.clone());
            let (typed, sending, insist) = (typed.clone(), sending.clone(), insist.clone());
            let (alert, refused) = (alert.clone(), refused.clone());
            spawn_local(async move {
                let result = work.await;
                sending.set(false);
                match result {
                    Ok(()) => {
                        insist.set(false);
                        typed.set(Typed::default());
                    }
                    Err(Failure::SessionEnded) => stopped.emit(Stopped::SessionEnded),
                    Err(failure) if failure.is_not_fresh() => stopped.emit(Stopped::NotFresh(again)),
                    Err(failure) => {
                        let errors = failure.field_errors().to_vec();
                        if !focus(&errors) {
                            alert.set(Some(failure.message()));
                        }
                        refused.set(errors);
                    }
                }
            });
        })
    };
    let again = {
        let submit = submit.clone();
        Callback::from(move |()| submit.emit(Callback::noop()))
    };
    let onsubmit = {
        let (sending, insist, wrong) = (sending.clone(), insist.setter(), props.check.emit(current.clone()));
        move |event: SubmitEvent| {
            event.prevent_default();
            insist.set(true);
            if !wrong.is_empty() {
                focus(&wrong);
            } else if !*sending {
                submit.emit(again.clone());
            }
        }
    };
    let fields = props.inputs.iter().map(|input| {
        let Input { name, label, .. } = *input;
        let oninput = {
            let (typed, refused) = (typed.clone(), refused.clone());
            move |text| {
                let mut new = (*typed).clone();
                new.set(name, text);
                typed.set(new);
                let mut left = (*refused).clone();
                left.retain(|error| error.pointer.strip_prefix('/') != Some(name));
                refused.set(left);
            }
        };
        let secret = input.kind == "password";
        let kind = if secret && *shown { "text" } else { input.kind };
        let reveal = secret.then(|| {
            let word = if *shown { "Hide" } else { "Show" };
            let shown = shown.clone();
            html! {
                <button type="button" class="input-button" onclick={move |_| shown.set(!*shown)}
                    aria-label={format!("{word} {}", label.to_ascii_lowercase())}>
                    { word }
                </button>
            }
        });
        html! {
            <Field id={format!("{}-{name}", props.id)} {label} {kind} autocomplete={input.autocomplete}
                value={current.get(name)} {oninput} error={error_at(&errors, name).map(AttrValue::from)}
                insist={*insist} hint={input.hint.clone()}>
                { reveal }
            </Field>
        }
    });
    html! {
        <form class="form" novalidate=true {onsubmit}>
            if let Some(text) = &*alert {
                <p id={alert_id} class="alert" role="alert" tabindex="-1">{ text }</p>
            }
            { for fields }
            <div class="form-actions">
                // A button that is disabled would lose the focus.
                <button type="submit" class={&props.look} aria-disabled={sending.then_some("true")} aria-label={&props.label}>
                    { if *sending { &props.busy } else { &props.button } }
                </button>
                { props.children.clone() }
            </div>
        </form>
    }
}

/// What is wrong with the input `name`.
fn error_at(errors: &[FieldError], name: &str) -> Option<String> {
    let error = errors
        .iter()
        .find(|error| error.pointer.strip_prefix('/') == Some(name));
    error.map(|error| error.detail.clone())
}
