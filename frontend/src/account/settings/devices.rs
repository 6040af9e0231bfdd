use shared::account::Session as Device;
use shared::profile::SessionChoice;
use yew::prelude::*;

use super::{Account, Settings};
use crate::api::{self, NoMembers};
use crate::components::form::{Form, Sending};
use crate::{agent, dates, dom};

const HEADING: &str = "devices-heading";

/// The devices that are signed in.
pub fn section(settings: &Settings, account: &Account) -> Html {
    let rows = account
        .devices
        .iter()
        .map(|device| row(settings, device, device.id == account.this_device));
    let send = {
        let settings = settings.clone();
        move |_| -> Sending {
            let settings = settings.clone();
            Box::pin(async move {
                api::change(&settings.user.id, "/api/auth/revoke-other-sessions", &NoMembers {}).await?;
                leave();
                settings.done("Every other device is signed out");
                Ok(())
            })
        }
    };
    let body = html! {
        <>
            <ul class="lines" role="list" aria-label="Devices">{ for rows }</ul>
            if account.devices.len() > 1 {
                <Form id="other-devices" {send} stopped={&settings.stopped} look="button button-quiet"
                    button="Sign out all other devices" busy="Signing out…" />
            }
        </>
    };
    let text = html! { <p>{ "Where you are signed in. Sign out what you do not know, and change your password." }</p> };
    super::section(HEADING, "Devices", text, body)
}

/// Moves the focus from a button that is about to go.
fn leave() {
    dom::focus_soon(HEADING.to_owned());
}

fn row(settings: &Settings, device: &Device, this: bool) -> Html {
    let send = {
        let (settings, token) = (settings.clone(), device.token.clone());
        move |_| -> Sending {
            let (settings, token) = (settings.clone(), token.clone());
            Box::pin(async move {
                let choice = SessionChoice { token };
                api::change(&settings.user.id, "/api/auth/revoke-session", &choice).await?;
                leave();
                settings.done("The device is signed out");
                Ok(())
            })
        }
    };
    let name = agent::device(device.user_agent.as_deref());
    let address = device.ip_address.as_deref().unwrap_or("Unknown address");
    html! {
        <li key={device.id.clone()} class="line">
            <div>
                <p class="line-title">
                    { &name }
                    if this {
                        { " " }<span class="chip">{ "This device" }</span>
                    }
                </p>
                <p class="line-text">{ format!("{address} · Last seen: {}", dates::moment(device.updated_at)) }</p>
            </div>
            if !this {
                <Form id={format!("device-{}", device.id)} {send} stopped={&settings.stopped} look="button button-quiet"
                    label={format!("Sign out {name}")} button="Sign out" busy="Signing out…" />
            }
        </li>
    }
}
