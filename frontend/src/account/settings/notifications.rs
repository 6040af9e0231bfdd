//! The section with the e-mails about security events.

use shared::notifications::{Notifications, NotificationsChange};
use web_sys::HtmlInputElement;
use yew::prelude::*;

use super::sections::{self, Settings};
use crate::api::accounts;
use crate::ui::form::{Form, Submitting};

#[derive(PartialEq, Properties)]
pub struct NotificationsSectionProps {
    pub settings: Settings,
    /// The choices that the server has stored.
    pub stored: Notifications,
}

/// The section. The choices are kept until they are saved.
#[component]
pub fn NotificationsSection(props: &NotificationsSectionProps) -> Html {
    let chosen = use_state_eq(|| props.stored);
    let choice = |label: &'static str, is_chosen: bool, choose: fn(&mut Notifications, bool)| {
        let state = chosen.clone();
        let onchange = move |event: Event| {
            if let Some(input) = event.target_dyn_into::<HtmlInputElement>() {
                let mut chosen = *state;
                choose(&mut chosen, input.checked());
                state.set(chosen);
            }
        };
        html! {
            <label class="option">
                <input type="checkbox" checked={is_chosen} {onchange} />
                <span>{ label }</span>
            </label>
        }
    };
    let submit = {
        let (settings, chosen) = (props.settings.clone(), *chosen);
        move |_| -> Submitting {
            let settings = settings.clone();
            Box::pin(async move {
                accounts::post(&settings.user.id, "/api/auth/notifications", &change(chosen)).await?;
                settings.succeed("Your choice of e-mails is saved");
                Ok(())
            })
        }
    };
    let body = html! {
        <>
            <fieldset class="choice choice-above">
                <legend>{ "Send me an e-mail when" }</legend>
                { choice("somebody signs in on a new device", chosen.new_device, |all, on| all.new_device = on) }
                { choice("ten sign-ins have failed within a day", chosen.failed_sign_ins, |all, on| all.failed_sign_ins = on) }
                { choice("a recovery code is used", chosen.recovery_code_used, |all, on| all.recovery_code_used = on) }
                { choice("the account is deleted", chosen.account_deleted, |all, on| all.account_deleted = on) }
            </fieldset>
            <Form id="notifications" {submit} oninterrupt={&props.settings.oninterrupt} button="Save choice" busy="Saving…" />
        </>
    };
    let text = html! {
        <p>
            { "You always get an e-mail about a new password, a new e-mail address and changes of two-factor." }
            if !props.settings.user.email_verified {
                { " Until your e-mail address is confirmed, none are sent." }
            }
        </p>
    };
    sections::section("notifications-heading", "E-mails about security", text, body)
}

/// The change that stores all of `chosen`.
fn change(chosen: Notifications) -> NotificationsChange {
    NotificationsChange {
        new_device: Some(chosen.new_device),
        failed_sign_ins: Some(chosen.failed_sign_ins),
        recovery_code_used: Some(chosen.recovery_code_used),
        account_deleted: Some(chosen.account_deleted),
    }
}
