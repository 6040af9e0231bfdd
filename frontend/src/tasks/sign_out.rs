//! The button that signs out. It sends the unsent changes first, and asks before it discards what is not saved.

use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;

use super::draft_storage;
use super::sync::TaskSync;
use crate::api::accounts;
use crate::session::SessionEnd;
use crate::ui::dialog::Dialog;
use crate::ui::flag::use_flag;
use crate::ui::toast::{Toast, Toasts};

/// The message after a sign-out that the server did not confirm.
const UNCONFIRMED: &str =
    "You are signed out here. Your session on the server ends as soon as this browser has a connection.";

#[derive(Clone, PartialEq, Properties)]
pub struct SignOutProps {
    pub user_id: AttrValue,
    pub sync: TaskSync,
    pub toasts: Toasts,
    pub end_session: Callback<SessionEnd>,
}

/// The button, and the question.
#[component]
pub fn SignOut(props: &SignOutProps) -> Html {
    let busy = use_flag();
    // The number of changes that the user is asked about.
    let unsaved = use_state_eq(|| 0);
    let onclick = {
        let (props, busy, unsaved) = (props.clone(), busy.clone(), unsaved.setter());
        move |_| {
            if *busy {
                return;
            }
            busy.set(true);
            let (props, busy, unsaved) = (props.clone(), busy.clone(), unsaved.clone());
            spawn_local(async move {
                props.sync.flush().await;
                let count = props.unsaved();
                if count == 0 {
                    props.sign_out().await;
                } else {
                    unsaved.set(count);
                    busy.set(false);
                }
            });
        }
    };
    let onclose = {
        let unsaved = unsaved.setter();
        Callback::from(move |()| unsaved.set(0))
    };
    let discard = {
        let props = props.clone();
        move |_| spawn_local(props.clone().sign_out())
    };
    let changes = if *unsaved == 1 { "change" } else { "changes" };
    html! {
        <>
            // A disabled button would lose the focus.
            <button type="button" class="button button-quiet" {onclick} aria-disabled={busy.then_some("true")}>
                { "Sign out" }
            </button>
            if *unsaved > 0 {
                <Dialog title={format!("Sign out and discard {} {changes}?", *unsaved)} onclose={&onclose}>
                    <p>{ "What you typed or changed is not saved on the server. If you sign out now, it is lost." }</p>
                    <div class="form-actions">
                        <button type="button" class="button button-main" onclick={onclose.reform(|_| ())}>
                            { "Stay signed in" }
                        </button>
                        <button type="button" class="button button-bad" onclick={discard}>{ "Sign out and discard" }</button>
                    </div>
                </Dialog>
            }
        </>
    }
}

impl SignOutProps {
    /// The number of changes that are not on the server, and of texts in this tab that are not saved.
    fn unsaved(&self) -> usize {
        self.sync.read(|state| state.outbox().len()) + draft_storage::unsaved(&self.user_id)
    }

    async fn sign_out(self) {
        let result = accounts::sign_out().await;
        // Whether or not the server has confirmed it, this browser forgets the user.
        self.end_session.emit(SessionEnd::SignedOut);
        if result.is_err() {
            self.toasts.show(Toast::error(UNCONFIRMED));
        }
    }
}
