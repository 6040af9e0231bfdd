//! The section with the devices that are signed in.

use shared::account::Session as Device;
use shared::device_name::device_name;
use shared::profile::SessionChoice;
use yew::prelude::*;

use super::account_data::AccountData;
use super::sections::{self, Settings};
use crate::api::accounts::{self, Empty};
use crate::browser::focus;
use crate::ui::form::{Form, Submitting};
use crate::ui::time::time;

const HEADING: &str = "devices-heading";

/// The section.
pub fn section(settings: &Settings, account: &AccountData) -> Html {
    let rows = account
        .devices
        .iter()
        .map(|device| row(settings, device, device.id == account.current_session));
    let submit = {
        let settings = settings.clone();
        move |_| -> Submitting {
            let settings = settings.clone();
            Box::pin(async move {
                accounts::post(&settings.user.id, "/api/auth/revoke-other-sessions", &Empty {}).await?;
                focus_heading();
                settings.succeed("All other devices are signed out");
                Ok(())
            })
        }
    };
    let body = html! {
        <>
            <ul class="lines" role="list" aria-label="Devices">{ for rows }</ul>
            if account.devices.len() > 1 {
                <Form id="other-devices" {submit} oninterrupt={&settings.oninterrupt} button_class="button button-quiet"
                    button="Sign out all other devices" busy="Signing out…" />
            }
        </>
    };
    let text = html! { <p>{ "The devices where you are signed in. If you do not recognise one, sign it out and change your password." }</p> };
    sections::section(HEADING, "Devices", text, body)
}

/// Moves the focus away from a button that is about to be removed.
fn focus_heading() {
    focus::focus_after_render(HEADING.to_owned());
}

fn row(settings: &Settings, device: &Device, is_current: bool) -> Html {
    let submit = {
        let (settings, token) = (settings.clone(), device.token.clone());
        move |_| -> Submitting {
            let (settings, token) = (settings.clone(), token.clone());
            Box::pin(async move {
                let choice = SessionChoice { token };
                accounts::post(&settings.user.id, "/api/auth/revoke-session", &choice).await?;
                focus_heading();
                settings.succeed("The device is signed out");
                Ok(())
            })
        }
    };
    let name = device_name(device.user_agent.as_deref());
    let address = device.ip_address.as_deref().unwrap_or("Unknown address");
    html! {
        <li key={device.id.clone()} class="line">
            <div>
                <p class="line-title">
                    { &name }
                    if is_current {
                        { " " }<span class="chip">{ "This device" }</span>
                    }
                </p>
                <p class="line-text">{ address }{ " · Last seen: " }{ time(device.updated_at) }</p>
            </div>
            if !is_current {
                <Form id={format!("device-{}", device.id)} {submit} oninterrupt={&settings.oninterrupt} button_class="button button-quiet"
                    label={format!("Sign out {name}")} button="Sign out" busy="Signing out…" />
            }
        </li>
    }
}
