//! What the sections share: the user, the callbacks of the page, and the frame of a section.

use shared::account::User;
use yew::prelude::*;

use super::password_prompt::PasswordPrompt;
use super::two_factor::Secrets;
use crate::account::left::Left;
use crate::api::stored_session::Session;
use crate::session::SessionEnd;
use crate::ui::form::Interruption;
use crate::ui::toast::{Toast, Toasts};

/// What the sections share.
#[derive(Clone, PartialEq)]
pub struct Settings {
    pub user: User,
    pub start_session: Callback<Session>,
    pub end_session: Callback<SessionEnd>,
    /// Shows what is left to do after all sessions or the account were ended here.
    pub leave: Callback<Left>,
    pub toasts: Toasts,
    /// Fetches the account again.
    pub reload: Callback<()>,
    /// Opens the dialog for the password, or closes it.
    pub prompt: Callback<Option<PasswordPrompt>>,
    /// Shows secrets, or hides them.
    pub show_secrets: Callback<Option<Secrets>>,
    /// Asks whether to secure the account, or closes the question.
    pub ask_to_secure: Callback<bool>,
    /// Asks for a new password, because somebody else may know the current one.
    pub demand_new_password: Callback<bool>,
    /// Handles the interruption of a form.
    pub oninterrupt: Callback<Interruption>,
}

impl Settings {
    /// Reports a success and fetches the account again.
    pub fn succeed(&self, text: &'static str) {
        self.toasts.show(Toast::success(text));
        self.reload.emit(());
    }
}

/// The frame of a section. `id` is the id of its heading.
pub fn section(id: &'static str, title: &'static str, text: Html, body: Html) -> Html {
    html! {
        <section class="card section" aria-labelledby={id}>
            <div class="section-head">
                <h2 {id} tabindex="-1">{ title }</h2>
                { text }
            </div>
            <div>{ body }</div>
        </section>
    }
}
