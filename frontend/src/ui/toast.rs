use std::rc::Rc;

use gloo_timers::callback::Timeout;
use yew::prelude::*;

use super::icon::Icon;
use crate::flag::use_flag;

/// How long a toast stays while nobody points at it, in milliseconds.
const STAY: u32 = 6_000;

/// A message that goes by itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Toast {
    pub text: AttrValue,
    /// It tells of something that went wrong.
    pub bad: bool,
    /// What "Undo" does. Without it there is no such button.
    pub undo: Option<Callback<()>>,
    /// What to do when it goes without "Undo".
    pub gone: Callback<()>,
}

impl Toast {
    /// Tells of something that worked.
    pub fn good(text: impl Into<AttrValue>) -> Self {
        Self {
            bad: false,
            ..Self::bad(text)
        }
    }

    /// Tells of something that went wrong.
    pub fn bad(text: impl Into<AttrValue>) -> Self {
        Self {
            text: text.into(),
            bad: true,
            undo: None,
            gone: Callback::noop(),
        }
    }
}

/// Shows messages, and says things to a screen reader alone.
#[derive(Clone, Debug, PartialEq)]
pub struct Toasts {
    act: Callback<ToastAction>,
}

impl Toasts {
    /// Shows a message.
    pub fn show(&self, toast: Toast) {
        self.act.emit(ToastAction::Show(toast));
    }

    /// Takes every message away.
    pub fn clear(&self) {
        self.act.emit(ToastAction::Clear);
    }

    /// Says something to a screen reader.
    pub fn announce(&self, text: impl Into<AttrValue>) {
        self.act.emit(ToastAction::Announce(text.into()));
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
                if toast.undo.is_some() {
                    // Only the latest deletion can be undone.
                    list.shown.retain(|(_, earlier)| earlier.undo.is_none());
                }
                list.shown.push((list.next, toast));
                list.next += 1;
            }
            ToastAction::Announce(text) => list.announcement = text,
            ToastAction::Clear => list.shown.clear(),
            ToastAction::Close(id) => list.shown.retain(|(shown, _)| *shown != id),
        }
        Rc::new(list)
    }
}

/// How to show messages, and the place where they are shown.
#[hook]
pub fn use_toasts() -> (Toasts, Html) {
    let list = use_reducer_eq(ToastList::default);
    let act = {
        let dispatcher = list.dispatcher();
        use_callback((), move |action, ()| dispatcher.dispatch(action))
    };
    let cards = list.shown.iter().map(|(id, toast)| {
        let id = *id;
        let close = act.reform(move |()| ToastAction::Close(id));
        html! { <Card key={id} toast={toast.clone()} {close} /> }
    });
    let place = html! {
        <div class="toasts" role="status" aria-live="polite">
            <p class="sr-only">{ &list.announcement }</p>
            { for cards }
        </div>
    };
    (Toasts { act }, place)
}

#[derive(PartialEq, Properties)]
struct CardProps {
    toast: Toast,
    close: Callback<()>,
}

#[component]
fn Card(props: &CardProps) -> Html {
    let watched = use_flag();

    let leave = {
        let (gone, close) = (props.toast.gone.clone(), props.close.clone());
        Callback::from(move |()| {
            gone.emit(());
            close.emit(());
        })
    };
    let undo = props.toast.undo.clone().map(|undo| {
        let close = props.close.clone();
        Callback::from(move |()| {
            undo.emit(());
            close.emit(());
        })
    });
    {
        // A message that somebody looks at does not go.
        let leave = leave.clone();
        use_effect_with(*watched, move |stays| {
            let timer = (!stays).then(|| Timeout::new(STAY, move || leave.emit(())));
            move || drop(timer)
        });
    }
    let watch = |value: bool| {
        let watched = watched.setter();
        Callback::from(move |()| watched.set(value))
    };
    let (come, go) = (watch(true), watch(false));
    html! {
        <div class={if props.toast.bad { "toast toast-bad" } else { "toast" }}
            onmouseenter={come.reform(|_| ())} onmouseleave={go.reform(|_| ())}
            onfocusin={come.reform(|_| ())} onfocusout={go.reform(|_| ())}>
            <p>{ &props.toast.text }</p>
            if let Some(undo) = undo {
                <button type="button" class="toast-action" onclick={move |_| undo.emit(())}>
                    { "Undo" }
                </button>
            }
            <button type="button" class="toast-close" aria-label="Dismiss" onclick={move |_| leave.emit(())}>
                { Icon::Cross.draw() }
            </button>
        </div>
    }
}
