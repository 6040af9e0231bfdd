use shared::profile::Activity;
use yew::prelude::*;

use crate::{agent, dates};

/// What happened to the account.
pub fn section(activity: &[Activity]) -> Html {
    let rows = activity.iter().map(|event| {
        let address = event.ip_address.as_deref().unwrap_or("Unknown address");
        let device = agent::device(event.user_agent.as_deref());
        html! {
            <li key={event.id.clone()} class="line">
                <div>
                    <p class="line-title">{ words(&event.event) }</p>
                    <p class="line-text">{ format!("{} · {address} · {device}", dates::moment(event.created_at)) }</p>
                </div>
            </li>
        }
    });
    let body = html! { <ul class="lines lines-long" role="list" aria-label="Activity" tabindex="0">{ for rows }</ul> };
    let text = html! { <p>{ "What happened to your account, newest first. Something that was not you? Change your password." }</p> };
    super::section("activity-heading", "Activity", text, body)
}

/// An event in plain words. One that is newer than this page says its name.
fn words(event: &str) -> String {
    let words = match event {
        "signed_up" => "Account made",
        "signed_in" => "Signed in",
        "sign_in_failed" => "Sign-in refused",
        "signed_out" => "Signed out",
        "session_revoked" => "One device signed out",
        "other_sessions_revoked" => "All other devices signed out",
        "all_sessions_revoked" => "All devices signed out",
        "refresh_reused" => "A copied sign-in was used; its device is signed out",
        "password_changed" => "Password changed",
        "password_reset_requested" => "New password asked for",
        "password_reset" => "Password set anew by a link",
        "email_change_requested" => "Change of the e-mail address asked for",
        "email_changed" => "E-mail address changed",
        "email_verified" => "E-mail address confirmed",
        "name_changed" => "Name changed",
        "two_factor_enabled" => "Two-factor turned on",
        "two_factor_disabled" => "Two-factor turned off",
        "recovery_codes_replaced" => "New recovery codes made",
        "recovery_code_used" => "Recovery code used",
        "data_exported" => "Data downloaded",
        other => return other.replace('_', " "),
    };
    words.to_owned()
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn an_event_is_told_in_plain_words() {
        assert_eq!(words("session_revoked"), "One device signed out");
        assert_eq!(words("something_newer"), "something newer");
    }
}
