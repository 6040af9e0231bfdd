//! The section with the activity of the account.

use shared::device_name::device_name;
use shared::profile::Activity;
use yew::prelude::*;

use super::sections;
use crate::ui::date;

/// The section.
pub fn section(activity: &[Activity]) -> Html {
    let rows = activity.iter().map(|event| {
        let address = event.ip_address.as_deref().unwrap_or("Unknown address");
        let device = device_name(event.user_agent.as_deref());
        html! {
            <li key={event.id.clone()} class="line">
                <div>
                    <p class="line-title">{ event_text(&event.event) }</p>
                    <p class="line-text">{ format!("{} · {address} · {device}", date::timestamp(event.created_at)) }</p>
                </div>
            </li>
        }
    });
    let body = html! { <ul class="lines lines-long" role="list" aria-label="Activity" tabindex="0">{ for rows }</ul> };
    let text = html! { <p>{ "The events of your account, newest first. If you do not recognise one, change your password." }</p> };
    sections::section("activity-heading", "Activity", text, body)
}

/// The text of an event. An event that this version of the client does not know is shown by its code.
fn event_text(event: &str) -> String {
    let text = match event {
        "signed_up" => "Account created",
        "signed_in" => "Signed in",
        "sign_in_failed" => "Sign-in failed",
        "signed_out" => "Signed out",
        "session_revoked" => "One device signed out",
        "other_sessions_revoked" => "All other devices signed out",
        "all_sessions_revoked" => "All devices signed out",
        "refresh_reused" => "An old session token was reused; the device was signed out",
        "password_changed" => "Password changed",
        "password_reset_requested" => "Password reset requested",
        "password_reset" => "Password reset",
        "email_change_requested" => "E-mail change requested",
        "email_changed" => "E-mail address changed",
        "email_verified" => "E-mail address confirmed",
        "name_changed" => "Name changed",
        "two_factor_enabled" => "Two-factor turned on",
        "two_factor_disabled" => "Two-factor turned off",
        "recovery_codes_replaced" => "Recovery codes replaced",
        "recovery_code_used" => "Recovery code used",
        "data_exported" => "Data downloaded",
        other => return other.replace('_', " "),
    };
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::event_text;

    #[test]
    fn an_unknown_event_is_shown_by_its_code() {
        assert_eq!(event_text("session_revoked"), "One device signed out");
        assert_eq!(event_text("something_newer"), "something newer");
    }
}
