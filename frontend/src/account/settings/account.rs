use shared::account;
use shared::problem::FieldError;
use shared::profile::{EmailChange, PasswordChange, ProfileChange};
use shared::rules::Check;
use yew::prelude::*;

use super::{Settings, section};
use crate::api;
use crate::components::form::{Form, Input, Sending, Typed};

/// What to call the person.
pub fn profile(settings: &Settings) -> Html {
    let send = {
        let settings = settings.clone();
        move |typed| -> Sending {
            let settings = settings.clone();
            Box::pin(async move {
                api::change(&settings.user.id, "/api/auth/update-user", &new_name(&typed)?).await?;
                settings.done("Your name is saved");
                Ok(())
            })
        }
    };
    let form = html! {
        <Form id="profile" inputs={vec![Input::person(&settings.user.name)]}
            check={|typed| new_name(&typed).err().unwrap_or_default()} {send} stopped={&settings.stopped}
            button="Save name" busy="Saving…" />
    };
    section(
        "profile-heading",
        "Profile",
        html! { <p>{ "What Docket calls you." }</p> },
        form,
    )
}

/// The address: `mail` says whether the server sends mail.
pub fn email(settings: &Settings, mail: bool) -> Html {
    let send = {
        let settings = settings.clone();
        move |typed| -> Sending {
            let settings = settings.clone();
            Box::pin(async move {
                api::change(&settings.user.id, "/api/auth/change-email", &new_email(&typed)?).await?;
                settings.done(if mail {
                    "Check your mail: the new address counts once you open the link that we have sent there"
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
            <p>{ "You sign in with " }<strong>{ user.email.as_deref().unwrap_or("an outside account") }</strong>{ "." }</p>
            <p class="chip">{ if user.email_verified { "Confirmed" } else { "Not confirmed" } }</p>
        </>
    };
    let hint = if mail {
        "We send a link there. Until you open it, the old address counts."
    } else {
        ""
    };
    let input = Input {
        hint: (!hint.is_empty()).then_some(hint.into()),
        ..Input::email("newEmail", "New e-mail")
    };
    let form = html! {
        <Form id="email" inputs={vec![input]} check={|typed| new_email(&typed).err().unwrap_or_default()} {send}
            stopped={&settings.stopped} button="Change e-mail" busy="Changing…" />
    };
    section("email-heading", "E-mail", text, form)
}

/// The password, of at least `min_length` characters.
pub fn password(settings: &Settings, min_length: usize) -> Html {
    let send = {
        let settings = settings.clone();
        move |typed| -> Sending {
            let settings = settings.clone();
            Box::pin(async move {
                let session = api::change_password(&settings.user.id, &new_password(&typed)?).await?;
                settings.begin.emit(session);
                settings.done("Your password is changed, and every other device is signed out");
                Ok(())
            })
        }
    };
    let check = {
        let user = settings.user.clone();
        move |typed: Typed| {
            let mut errors = new_password(&typed).err().unwrap_or_default();
            let own = account::new_password(
                &typed.get("newPassword"),
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
        <Form id="password" {inputs} {check} {send} stopped={&settings.stopped}
            button="Change password" busy="Changing…" />
    };
    section(
        "password-heading",
        "Password",
        html! { <p>{ "A change signs out every other device." }</p> },
        form,
    )
}

fn new_name(typed: &Typed) -> Result<ProfileChange, Vec<FieldError>> {
    ProfileChange {
        name: Some(typed.get("name")),
    }
    .check()
}

fn new_email(typed: &Typed) -> Result<EmailChange, Vec<FieldError>> {
    EmailChange {
        new_email: typed.get("newEmail"),
        ..EmailChange::default()
    }
    .check()
}

fn new_password(typed: &Typed) -> Result<PasswordChange, Vec<FieldError>> {
    PasswordChange {
        current_password: typed.get("currentPassword"),
        new_password: typed.get("newPassword"),
        ..PasswordChange::default()
    }
    .check()
}
