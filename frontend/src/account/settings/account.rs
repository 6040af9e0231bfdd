//! The sections for the name, the e-mail address and the password.

use shared::account::{self, User};
use shared::problem::FieldError;
use shared::profile::{EmailChange, PasswordChange, ProfileChange};
use shared::rules::Check;
use yew::prelude::*;

use super::sections::{Settings, section};
use crate::api::accounts;
use crate::api::stored_session;
use crate::ui::form::{Form, Submitting};
use crate::ui::input::{Input, Values};

/// The name.
pub fn profile(settings: &Settings) -> Html {
    let submit = {
        let settings = settings.clone();
        move |values| -> Submitting {
            let settings = settings.clone();
            Box::pin(async move {
                let change = new_name(&values)?;
                accounts::post(&settings.user.id, "/api/auth/update-user", &change).await?;
                // At once, so that a page which is opened before the account is fetched again shows the new name.
                let user = User {
                    name: change.name.unwrap_or_default(),
                    ..settings.user.clone()
                };
                if let Some(session) = stored_session::with_user(user) {
                    settings.start_session.emit(session);
                }
                settings.succeed("Your name is saved");
                Ok(())
            })
        }
    };
    let form = html! {
        <Form id="profile" inputs={vec![Input::user_name(&settings.user.name)]}
            check={|values| new_name(&values).err().unwrap_or_default()} {submit} oninterrupt={&settings.oninterrupt}
            button="Save name" busy="Saving…" />
    };
    section(
        "profile-heading",
        "Profile",
        html! { <p>{ "The name that Docket shows." }</p> },
        form,
    )
}

/// The e-mail address. `mail` tells whether the server sends mail.
pub fn email(settings: &Settings, mail: bool) -> Html {
    let submit = {
        let settings = settings.clone();
        move |values| -> Submitting {
            let settings = settings.clone();
            Box::pin(async move {
                accounts::post(&settings.user.id, "/api/auth/change-email", &new_email(&values)?).await?;
                settings.succeed(if mail {
                    "Check your e-mail: open the link that we have sent to the new address to confirm the change"
                } else {
                    "Your e-mail address is changed"
                });
                Ok(())
            })
        }
    };
    let user = &settings.user;
    let text = html! {
        <>
            <p>{ "You sign in with " }<strong>{ user.email.as_deref().unwrap_or("an external account") }</strong>{ "." }</p>
            <p class="chip">{ if user.email_verified { "Confirmed" } else { "Not confirmed" } }</p>
        </>
    };
    let hint = if mail {
        "We send a link to it. The old address stays in use until you open the link."
    } else {
        ""
    };
    let input = Input {
        hint: (!hint.is_empty()).then_some(hint.into()),
        ..Input::email("newEmail", "New e-mail")
    };
    let form = html! {
        <Form id="email" inputs={vec![input]} check={|values| new_email(&values).err().unwrap_or_default()} {submit}
            oninterrupt={&settings.oninterrupt} button="Change e-mail" busy="Changing…" />
    };
    section("email-heading", "E-mail", text, form)
}

/// The id of the input for the current password.
pub const PASSWORD_INPUT: &str = "password-currentPassword";

/// The password, of at least `min_length` characters. `demanded` tells that somebody else may know the current one.
pub fn password(settings: &Settings, min_length: usize, demanded: bool) -> Html {
    let submit = {
        let settings = settings.clone();
        move |values| -> Submitting {
            let settings = settings.clone();
            Box::pin(async move {
                let session = accounts::change_password(&settings.user.id, &new_password(&values)?).await?;
                settings.start_session.emit(session);
                settings.demand_new_password.emit(false);
                settings.succeed("Your password is changed, and all other devices are signed out");
                Ok(())
            })
        }
    };
    let check = {
        let user = settings.user.clone();
        move |values: Values| {
            let mut errors = new_password(&values).err().unwrap_or_default();
            let own = account::new_password(
                &values.get("newPassword"),
                &user.name,
                user.email.as_deref().unwrap_or_default(),
            );
            errors.extend(own.err().map(|detail| FieldError::of("newPassword", detail)));
            errors
        }
    };
    let inputs = vec![
        Input::password("currentPassword", "Current password"),
        Input::new_password("newPassword", "New password", min_length),
    ];
    let form = html! {
        <>
            if demanded {
                <p class="alert alert-above" role="alert">
                    { "All other devices are signed out. Choose a new password now: whoever knows the old one can sign in again." }
                </p>
            }
            <Form id="password" {inputs} {check} {submit} oninterrupt={&settings.oninterrupt}
                button="Change password" busy="Changing…" />
        </>
    };
    section(
        "password-heading",
        "Password",
        html! { <p>{ "Changing it signs out all other devices." }</p> },
        form,
    )
}

fn new_name(values: &Values) -> Result<ProfileChange, Vec<FieldError>> {
    ProfileChange {
        name: Some(values.get("name")),
    }
    .check()
}

fn new_email(values: &Values) -> Result<EmailChange, Vec<FieldError>> {
    EmailChange {
        new_email: values.get("newEmail"),
        ..EmailChange::default()
    }
    .check()
}

fn new_password(values: &Values) -> Result<PasswordChange, Vec<FieldError>> {
    PasswordChange {
        current_password: values.get("currentPassword"),
        new_password: values.get("newPassword"),
        ..PasswordChange::default()
    }
    .check()
}
