//! Toasts: short messages that disappear by themselves, and announcements to screen readers.

use std::rc::Rc;

use gloo_timers::callback::Timeout;
use yew::prelude::*;

use super::flag::use_flag;
use super::icon::Icon;

/// How long a toast is shown, in milliseconds. The time restarts when the user leaves it.
const DURATION: u32 = 6_000;

/// A short message.
#[derive(Clone, Debug, PartialEq)]
pub struct Toast {
    pub text: AttrValue,
    /// Reports an error.
    pub is_error: bool,
    /// Called by the button "Undo", which exists only with it.
    pub onundo: Option<Callback<()>>,
    /// Called when the toast disappears without "Undo".
    pub onclose: Callback<()>,
}

impl Toast {
    /// Reports a success.
    pub fn success(text: impl Into<AttrValue>) -> Self {
        Self {
            is_error: false,
            ..Self::error(text)
        }
    }

    /// Reports an error.
    pub fn error(text: impl Into<AttrValue>) -> Self {
        Self {
            text: text.into(),
            is_error: true,
            onundo: None,
            onclose: Callback::noop(),
        }
    }
}

/// Shows toasts, and announces texts to screen readers.
#[derive(Clone, Debug, PartialEq)]
pub struct Toasts {
    dispatch: Callback<ToastAction>,
}

impl Toasts {
    /// Shows a toast.
    pub fn show(&self, toast: Toast) {
        self.dispatch.emit(ToastAction::Show(toast));
    }

    /// Removes all toasts and announcements.
    pub fn clear(&self) {
        self.dispatch.emit(ToastAction::Clear);
    }

    /// Announces a text to screen readers.
    pub fn announce(&self, text: impl Into<AttrValue>) {
        self.dispatch.emit(ToastAction::Announce(text.into()));
    }
}

#[derive(Debug)]
enum ToastAction {
    Show(Toast),
    Announce(AttrValue),
    Close(usize),
    Clear,
}

#[derive(Clone, Default, PartialEq)]
struct ToastList {
    shown: Vec<(usize, Toast)>,
    announcement: AttrValue,
    next: usize,
}

impl Reducible for ToastList {
    type Action = ToastAction;

    fn reduce(self: Rc<Self>, action: ToastAction) -> Rc<Self> {
        let mut list = Rc::unwrap_or_clone(self);
        match action {
            ToastAction::Show(toast) => {
                if toast.onundo.is_some() {
                    // Only the latest deletion can be undone.
                    list.shown.retain(|(_, earlier)| earlier.onundo.is_none());
                }
                list.shown.push((list.next, toast));
                list.next += 1;
            }
            ToastAction::Announce(text) => list.announcement = text,
            ToastAction::Clear => {
                list.shown.clear();
                list.announcement = AttrValue::default();
            }
            ToastAction::Close(id) => list.shown.retain(|(shown, _)| *shown != id),
        }
        Rc::new(list)
    }
}

/// Shows toasts in the returned region.
#[hook]
pub fn use_toasts() -> (Toasts, Html) {
    let list = use_reducer_eq(ToastList::default);
    let dispatch = {
        let dispatcher = list.dispatcher();
        use_callback((), move |action, ()| dispatcher.dispatch(action))
    };
    let cards = list.shown.iter().map(|(id, toast)| {
        let id = *id;
        let onclose = dispatch.reform(move |()| ToastAction::Close(id));
        html! { <Card key={id} toast={toast.clone()} {onclose} /> }
    });
    let region = html! {
        <div class="toasts" role="status" aria-live="polite">
            <p class="sr-only">{ &list.announcement }</p>
            { for cards }
        </div>
    };
    (Toasts { dispatch }, region)
}

#[derive(PartialEq, Properties)]
struct CardProps {
    toast: Toast,
    /// Removes the toast from the region.
    onclose: Callback<()>,
}

#[component]
fn Card(props: &CardProps) -> Html {
    // The pointer or the focus is on it.
    let paused = use_flag();

    let close = sequence(&props.toast.onclose, &props.onclose);
    {
        let close = close.clone();
        use_effect_with(*paused, move |paused| {
            let timer = (!paused).then(|| Timeout::new(DURATION, move || close.emit(())));
            move || drop(timer)
        });
    }
    let set_paused = |value: bool| {
        let paused = paused.setter();
        Callback::from(move |()| paused.set(value))
    };
    let (pause, resume) = (set_paused(true), set_paused(false));
    html! {
        <div class={if props.toast.is_error { "toast toast-bad" } else { "toast" }}
            onmouseenter={pause.reform(|_| ())} onmouseleave={resume.reform(|_| ())}
            onfocusin={pause.reform(|_| ())} onfocusout={resume.reform(|_| ())}>
            <p>{ &props.toast.text }</p>
            if let Some(onundo) = &props.toast.onundo {
                <button type="button" class="toast-action" onclick={sequence(onundo, &props.onclose).reform(|_| ())}>
                    { "Undo" }
                </button>
            }
            <button type="button" class="toast-close" aria-label="Dismiss" onclick={close.reform(|_| ())}>
                { Icon::Cross.view() }
            </button>
        </div>
    }
}

/// Calls `first`, then `then`.
fn sequence(first: &Callback<()>, then: &Callback<()>) -> Callback<()> {
    let (first, then) = (first.clone(), then.clone());
    Callback::from(move |()| {
        first.emit(());
        then.emit(());
    })
}
