//! The settings page, and its sections.

mod account;
mod account_data;
mod activity;
mod data;
mod devices;
mod event;
mod notifications;
mod password_prompt;
mod sections;
mod secure;
mod two_factor;

use shared::account::{PASSWORD_MIN, User};
use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;

use self::account_data::AccountData;
use self::activity::ActivitySection;
use self::notifications::NotificationsSection;
use self::password_prompt::PasswordPrompt;
use self::sections::Settings;
use self::two_factor::Secrets;
use super::left::Left;
use crate::api::stored_session::{self, Session};
use crate::browser::focus;
use crate::failure::Failure;
use crate::session::SessionEnd;
use crate::ui::flag::use_flag;
use crate::ui::form::Interruption;
use crate::ui::page::Page;
use crate::ui::skeleton::skeleton;
use crate::ui::toast::Toasts;

#[derive(PartialEq, Properties)]
pub struct SettingsPageProps {
    pub user: User,
    /// Stores the changed user of the session, or a new session.
    pub start_session: Callback<Session>,
    pub end_session: Callback<SessionEnd>,
    /// Shows what is left to do after all sessions or the account were ended here.
    pub leave: Callback<Left>,
    pub toasts: Toasts,
}

/// The page.
#[component]
pub fn SettingsPage(props: &SettingsPageProps) -> Html {
    let (account, error, reload) = use_account(props);
    let prompted = use_state_eq(|| None::<PasswordPrompt>);
    let secrets = use_state_eq(|| None::<Secrets>);
    let securing = use_flag();
    let new_password_demanded = use_flag();
    let settings = Settings {
        user: props.user.clone(),
        start_session: props.start_session.clone(),
        end_session: props.end_session.clone(),
        leave: props.leave.clone(),
        toasts: props.toasts.clone(),
        oninterrupt: oninterrupt(prompted.setter(), &props.end_session),
        show_secrets: show_secrets(secrets.setter()),
        prompt: set(prompted.setter()),
        ask_to_secure: set(securing.setter()),
        demand_new_password: set(new_password_demanded.setter()),
        reload,
    };
    let account = account.as_ref();
    let mail = account.is_some_and(|account| account.capabilities.mail);
    let min_length = account.map_or(PASSWORD_MIN, |account| {
        usize::try_from(account.capabilities.password_min_length).unwrap_or(PASSWORD_MIN)
    });
    let actions = html! { <a href="/tasks" class="button button-quiet">{ "Your tasks" }</a> };
    html! {
        <Page title="Settings" {actions}>
            if let Some(error) = &error {
                { load_error(error, &settings.reload) }
            }
            { account::profile(&settings) }
            { account::email(&settings, mail) }
            { account::password(&settings, min_length, *new_password_demanded) }
            { two_factor::section(&settings, secrets.as_ref()) }
            if let Some(account) = account {
                { devices::section(&settings, account) }
                if let Some(stored) = account.notifications {
                    <NotificationsSection settings={settings.clone()} {stored} />
                }
                <ActivitySection settings={settings.clone()} newest={account.activity.clone()} />
            } else if error.is_none() {
                { skeleton("Loading your devices") }
            }
            { data::download(&settings) }
            { data::delete(&settings) }
            if let Some(prompt) = &*prompted {
                { password_prompt::dialog(&settings, prompt) }
            }
            if *securing {
                { secure::dialog(&settings, mail) }
            }
        </Page>
    }
}

/// The account, the error of the last attempt to fetch it, and a callback that fetches it again.
#[hook]
fn use_account(props: &SettingsPageProps) -> (Option<AccountData>, Option<String>, Callback<()>) {
    let account = use_state_eq(|| None::<AccountData>);
    let error = use_state_eq(|| None::<String>);
    let reload = {
        let (account, error) = (account.setter(), error.setter());
        let (start_session, end_session) = (props.start_session.clone(), props.end_session.clone());
        use_callback(props.user.id.clone(), move |(), user_id| {
            let (user_id, account, error) = (user_id.clone(), account.clone(), error.clone());
            let (start_session, end_session) = (start_session.clone(), end_session.clone());
            spawn_local(async move {
                match AccountData::fetch(&user_id).await {
                    Ok((fetched, user)) => {
                        if let Some(session) = stored_session::with_user(user) {
                            start_session.emit(session);
                        }
                        account.set(Some(fetched));
                        error.set(None);
                    }
                    Err(Failure::SessionEnded) => end_session.emit(SessionEnd::Expired),
                    Err(failure) => error.set(Some(failure.message())),
                }
            });
        })
    };
    {
        let reload = reload.clone();
        use_effect_with((), move |()| reload.emit(()));
    }
    ((*account).clone(), (*error).clone(), reload)
}

fn set<T: 'static>(state: UseStateSetter<T>) -> Callback<T> {
    Callback::from(move |value| state.set(value))
}

fn show_secrets(secrets: UseStateSetter<Option<Secrets>>) -> Callback<Option<Secrets>> {
    Callback::from(move |new| {
        secrets.set(new);
        // The element that has the focus is about to be removed.
        focus::focus_after_render(two_factor::HEADING.to_owned());
    })
}

fn oninterrupt(
    prompted: UseStateSetter<Option<PasswordPrompt>>,
    end_session: &Callback<SessionEnd>,
) -> Callback<Interruption> {
    let end_session = end_session.clone();
    Callback::from(move |interruption| match interruption {
        Interruption::SessionEnded => end_session.emit(SessionEnd::Expired),
        Interruption::PasswordRequired(retry) => prompted.set(Some(PasswordPrompt::Reauthenticate(retry))),
    })
}

fn load_error(error: &str, reload: &Callback<()>) -> Html {
    html! {
        <div class="banner" role="alert">
            <p>{ error }</p>
            <button type="button" class="button button-quiet" onclick={reload.reform(|_| ())}>{ "Try again" }</button>
        </div>
    }
}
