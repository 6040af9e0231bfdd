//! What happens after "This wasn't me": all sessions end, and the password is changed.

use shared::recovery::LinkRequest;
use yew::prelude::*;

use super::account::PASSWORD_INPUT;
use super::sections::Settings;
use crate::account::left::Left;
use crate::api::accounts::{self, Empty};
use crate::browser::focus;
use crate::failure::Failure;
use crate::ui::dialog::Dialog;
use crate::ui::form::{Form, Submitting};

/// The dialog that asks before it does so. With `mail` the server sends a link to set a new password.
pub fn dialog(settings: &Settings, mail: bool) -> Html {
    let email = settings.user.email.clone().filter(|_| mail);
    let text = match &email {
        Some(email) => format!(
            "All devices are signed out, this one too, so that nobody stays in your account. We send a link to {email}, with \
             which you choose a new password."
        ),
        None => "All other devices are signed out, so that nobody else stays in your account. Then you choose a new password."
            .to_owned(),
    };
    let close = settings.ask_to_secure.reform(|()| false);
    let submit = {
        let settings = settings.clone();
        move |_| -> Submitting {
            let (settings, email) = (settings.clone(), email.clone());
            Box::pin(async move {
                match email {
                    Some(email) => end_all_sessions(&settings, email).await,
                    None => end_other_sessions(&settings).await,
                }
            })
        }
    };
    html! {
        <Dialog title="Secure your account" onclose={&close}>
            <p>{ text }</p>
            <Form id="secure" {submit} oninterrupt={&settings.oninterrupt} button_class="button button-bad"
                button="Secure my account" busy="Please wait…">
                <button type="button" class="button button-quiet" onclick={close.reform(|_| ())}>{ "Cancel" }</button>
            </Form>
        </Dialog>
    }
}

/// Ends all sessions first: that also revokes links which somebody else has requested.
async fn end_all_sessions(settings: &Settings, email: String) -> Result<(), Failure> {
    accounts::post(&settings.user.id, "/api/auth/revoke-sessions", &Empty {}).await?;
    let request = LinkRequest {
        email: email.clone(),
        ..LinkRequest::default()
    };
    let mailed = accounts::request_password_reset(&request).await.is_ok();
    settings.leave.emit(Left::Secured { email, mailed });
    Ok(())
}

async fn end_other_sessions(settings: &Settings) -> Result<(), Failure> {
    accounts::post(&settings.user.id, "/api/auth/revoke-other-sessions", &Empty {}).await?;
    settings.ask_to_secure.emit(false);
    settings.demand_new_password.emit(true);
    settings.reload.emit(());
    focus::focus_after_render(PASSWORD_INPUT.to_owned());
    Ok(())
}
