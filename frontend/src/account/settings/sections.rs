//! What the sections share: the account, the callbacks of the page, and the frame of a section.

use shared::account::{Session as Device, User};
use shared::profile::{Activity, Capabilities};
use shared::two_factor::TwoFactorSetup;
use yew::prelude::*;

use crate::api::accounts;
use crate::api::stored_session::Session;
use crate::failure::Failure;
use crate::session::SessionEnd;
use crate::ui::form::Interruption;
use crate::ui::toast::{Toast, Toasts};

/// The account as the server describes it.
#[derive(Clone, PartialEq)]
pub struct Account {
    pub capabilities: Capabilities,
    /// The id of the session of this browser.
    pub current_session: String,
    pub devices: Vec<Device>,
    pub activity: Vec<Activity>,
}

impl Account {
    /// Fetches the account and its user.
    pub async fn fetch(user_id: &str) -> Result<(Self, User), Failure> {
        // First, because it refreshes an expired token; with an expired token there is no current session.
        let devices = accounts::sessions(user_id).await?;
        let current = accounts::current_session(user_id).await?;
        let account = Self {
            capabilities: accounts::capabilities().await?,
            current_session: current.session.id,
            devices,
            activity: accounts::activity(user_id).await?,
        };
        Ok((account, current.user))
    }
}

/// What the sections share.
#[derive(Clone, PartialEq)]
pub struct Settings {
    pub user: User,
    pub start_session: Callback<Session>,
    pub end_session: Callback<SessionEnd>,
    pub toasts: Toasts,
    /// Fetches the account again.
    pub reload: Callback<()>,
    /// Opens the dialog for the password, or closes it.
    pub prompt: Callback<Option<PasswordPrompt>>,
    /// Shows secrets, or hides them.
    pub show_secrets: Callback<Option<Secrets>>,
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

/// The operation that the password is asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum PasswordPrompt {
    /// A request that needs a recent authentication. The callback sends it again.
    Reauthenticate(Callback<()>),
    SetUpTwoFactor,
    ReplaceRecoveryCodes,
    TurnOffTwoFactor,
    DeleteAccount,
}

/// Secrets that are shown once.
#[derive(Clone, Debug, PartialEq)]
pub enum Secrets {
    /// The secret for the authenticator app.
    Setup(TwoFactorSetup),
    RecoveryCodes(Vec<String>),
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
