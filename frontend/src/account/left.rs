//! The pages after all sessions or the account were ended in the settings.

use yew::prelude::*;

use crate::session::SessionEnd;
use crate::ui::page::Page;

/// What was ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Left {
    AccountDeleted,
    /// All sessions, because somebody else was in the account.
    Secured {
        /// The address of the account.
        email: String,
        /// Whether the server accepted the request for a link to set a new password.
        mailed: bool,
    },
}

impl Left {
    /// How the session of this browser ended.
    pub fn session_end(&self) -> SessionEnd {
        match self {
            Self::AccountDeleted => SessionEnd::SignedOut,
            Self::Secured { .. } => SessionEnd::Revoked,
        }
    }

    /// The page.
    pub fn page(&self) -> Html {
        match self {
            Self::AccountDeleted => deleted_page(),
            Self::Secured { email, mailed } => secured_page(email, *mailed),
        }
    }
}

fn deleted_page() -> Html {
    let subtitle =
        html! { <p>{ "Your tasks, your sessions and your activity are deleted too. Thank you for using Docket." }</p> };
    html! {
        <Page key="deleted" title="Your account is deleted" {subtitle} narrow=true>
            <a href="/signup" class="button button-quiet">{ "Create a new account" }</a>
        </Page>
    }
}

fn secured_page(email: &str, mailed: bool) -> Html {
    let subtitle = html! { <p>{ "Choose a new password now, so that nobody can sign in with the old one." }</p> };
    html! {
        <Page key="secured" title="All devices are signed out" {subtitle} narrow=true>
            <div class="card prose">
                if mailed {
                    <ol class="steps">
                        <li>{ "Open the e-mail that we have sent to " }<strong>{ email }</strong>{ ", and the link in it." }</li>
                        <li>{ "Choose a password that you use nowhere else." }</li>
                        <li>{ "Sign in, and check your e-mail address and two-factor in the settings." }</li>
                    </ol>
                    <p>{ "If somebody else can read your e-mail, secure your mailbox first." }</p>
                } else {
                    <p>{ "The e-mail with a link to set a new password could not be sent. Request it again." }</p>
                }
            </div>
            <p class="aside"><a href="/forgot-password">{ "Request another link" }</a></p>
        </Page>
    }
}
