use shared::problem::FieldError;
use shared::rules::Check;
use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;

use crate::api::Failure;
use crate::dom;
use crate::session::{Session, use_current_user};

/// A form that begins a session. The ids of its fields are the names of the members of `T`.
pub struct AccountForm<T> {
    /// What is typed.
    pub value: T,
    /// The person has tried to send it: whatever is wrong is shown.
    pub insist: bool,
    /// An answer is awaited.
    pub sending: bool,
    /// What is wrong with it as a whole.
    pub alert: Option<AttrValue>,
    pub onsubmit: Callback<SubmitEvent>,
    errors: Vec<FieldError>,
    change: Callback<(&'static str, T)>,
}

impl<T: Clone + 'static> AccountForm<T> {
    /// What is wrong with a field.
    pub fn error(&self, name: &str) -> Option<AttrValue> {
        let of_field = |error: &&FieldError| error.pointer.strip_prefix('/') == Some(name);
        self.errors.iter().find(of_field).map(|error| error.detail.clone().into())
    }

    /// Takes what is typed into a field.
    pub fn oninput(&self, name: &'static str, set: fn(&mut T, String)) -> Callback<String> {
        let (value, change) = (self.value.clone(), self.change.clone());
        Callback::from(move |text| {
            let mut value = value.clone();
            set(&mut value, text);
            change.emit((name, value));
        })
    }
}

/// The state of a form that `send` turns into a session. What is typed is kept until that has worked.
#[hook]
pub fn use_account_form<T, F>(send: F) -> AccountForm<T>
where
    T: Check + Clone + Default + 'static,
    F: AsyncFn(T) -> Result<Session, Failure> + Clone + 'static,
{
    let begin = use_current_user().begin;
    let value = use_state(T::default);
    let insist = use_state_eq(|| false);
    let sending = use_state_eq(|| false);
    let alert = use_state_eq(|| None::<AttrValue>);
    // What the server said of single fields; it holds until the field is changed.
    let refused = use_state_eq(Vec::<FieldError>::new);

    let checked = (*value).clone().check();
    let mut errors = (*refused).clone();
    errors.extend(checked.as_ref().err().cloned().unwrap_or_default());

    let change = {
        let (value, refused) = (value.setter(), refused.clone());
        Callback::from(move |(name, new): (&'static str, T)| {
            let mut left = (*refused).clone();
            left.retain(|error| error.pointer.strip_prefix('/') != Some(name));
            refused.set(left);
            value.set(new);
        })
    };
    let onsubmit = {
        let (insist, sending, alert) = (insist.setter(), sending.clone(), alert.setter());
        let refused = refused.setter();
        Callback::from(move |event: SubmitEvent| {
            event.prevent_default();
            if *sending {
                return;
            }
            insist.set(true);
            alert.set(None);
            let value = match checked.clone() {
                Ok(value) => value,
                Err(errors) => {
                    focus_first(&errors);
                    return;
                }
            };
            sending.set(true);
            let (send, begin) = (send.clone(), begin.clone());
            let (sending, alert, refused) = (sending.setter(), alert.clone(), refused.clone());
            spawn_local(async move {
                match send(value).await {
                    Ok(session) => begin.emit(session),
                    Err(failure) => {
                        sending.set(false);
                        let errors = failure.field_errors().to_vec();
                        if errors.is_empty() {
                            alert.set(Some(failure.message().into()));
                        }
                        focus_first(&errors);
                        refused.set(errors);
                    }
                }
            });
        })
    };
    AccountForm {
        value: (*value).clone(),
        insist: *insist,
        sending: *sending,
        alert: (*alert).clone(),
        onsubmit,
        errors,
        change,
    }
}

fn focus_first(errors: &[FieldError]) {
    if let Some(name) = errors.first().and_then(|error| error.pointer.strip_prefix('/')) {
        dom::focus_soon(name.to_owned());
    }
}
