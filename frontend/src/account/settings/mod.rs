//! What people can see and change of their account. Each section is a file of its own.

mod account;
mod activity;
mod data;
mod devices;
mod proof;
mod two_factor;

use shared::account::{PASSWORD_MIN, Session as Device, User};
use shared::profile::{Activity, Capabilities};
use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;

use self::proof::Proof;
use self::two_factor::NewCodes;
use crate::api::{self, Failure};
use crate::components::form::Stopped;
use crate::components::page::Page;
use crate::components::skeleton::skeleton;
use crate::components::toast::{Toast, Toasts};
use crate::dom;
use crate::session::{self, End, Session};

#[derive(PartialEq, Properties)]
pub struct SettingsPageProps {
    pub user: User,
    /// Keeps what has changed about the person.
    pub begin: Callback<Session>,
    /// Ends the session.
    pub end: Callback<End>,
    pub toasts: Toasts,
}

/// What the server tells of an account.
#[derive(Clone, PartialEq)]
struct Account {
    capabilities: Capabilities,
    /// The id of the session of this browser.
    this_device: String,
    devices: Vec<Device>,
    activity: Vec<Activity>,
}

impl Account {
    /// Fetches it, with what is new about its person.
    async fn of(user_id: &str) -> Result<(Self, User), Failure> {
        // First, because it renews a token that has run out; with such a token nobody is the current person.
        let devices = api::sessions(user_id).await?;
        let current = api::current_session(user_id).await?;
        let account = Self {
            capabilities: api::capabilities().await?,
            this_device: current.session.id,
            devices,
            activity: api::activity(user_id).await?,
        };
        Ok((account, current.user))
    }
}

/// What every section needs.
#[derive(Clone, PartialEq)]
struct Settings {
    user: User,
    begin: Callback<Session>,
    end: Callback<End>,
    toasts: Toasts,
    /// Fetches the account again.
    reload: Callback<()>,
    /// Asks for the password.
    ask: Callback<Option<Proof>>,
    /// Shows codes that can be seen once.
    show: Callback<Option<NewCodes>>,
    /// What to do when a form could not be sent.
    stopped: Callback<Stopped>,
}

impl Settings {
    /// Says that something worked, and shows what it changed.
    fn done(&self, text: &'static str) {
        self.toasts.show(Toast::good(text));
        self.reload.emit(());
    }
}

/// The settings of a person.
#[component]
pub fn SettingsPage(props: &SettingsPageProps) -> Html {
    let account = use_state_eq(|| None::<Account>);
    let trouble = use_state_eq(|| None::<String>);
    let asked = use_state_eq(|| None::<Proof>);
    let codes = use_state_eq(|| None::<NewCodes>);

    let reload = {
        let (account, trouble) = (account.setter(), trouble.setter());
        let (begin, end) = (props.begin.clone(), props.end.clone());
        use_callback(props.user.id.clone(), move |(), user_id| {
            let (user_id, account, trouble) = (user_id.clone(), account.clone(), trouble.clone());
            let (begin, end) = (begin.clone(), end.clone());
            spawn_local(async move {
                match Account::of(&user_id).await {
                    Ok((known, user)) => {
                        session::with_user(user)
                            .into_iter()
                            .for_each(|session| begin.emit(session));
                        account.set(Some(known));
                        trouble.set(None);
                    }
                    Err(Failure::SessionEnded) => end.emit(End::Expired),
                    Err(failure) => trouble.set(Some(failure.message())),
                }
            });
        })
    };
    {
        let reload = reload.clone();
        use_effect_with((), move |()| reload.emit(()));
    }
    let ask = {
        let asked = asked.setter();
        Callback::from(move |proof| asked.set(proof))
    };
    let show = {
        let codes = codes.setter();
        Callback::from(move |new| {
            codes.set(new);
            // What had the focus is about to go.
            dom::focus_soon(two_factor::HEADING.to_owned());
        })
    };
    let stopped = {
        let (ask, end) = (ask.clone(), props.end.clone());
        Callback::from(move |stopped| match stopped {
            Stopped::SessionEnded => end.emit(End::Expired),
            Stopped::NotFresh(again) => ask.emit(Some(Proof::Again(again))),
        })
    };
    let settings = Settings {
        user: props.user.clone(),
        begin: props.begin.clone(),
        end: props.end.clone(),
        toasts: props.toasts.clone(),
        reload: reload.clone(),
        ask,
        show,
        stopped,
    };
    let mail = account.as_ref().is_some_and(|account| account.capabilities.mail);
    let min_length = account.as_ref().map_or(PASSWORD_MIN, |account| {
        usize::try_from(account.capabilities.password_min_length).unwrap_or(PASSWORD_MIN)
    });
    let actions = html! { <a href="/tasks" class="button button-quiet">{ "Your tasks" }</a> };
    html! {
        <Page title="Settings" {actions}>
            if let Some(why) = &*trouble {
                <div class="banner" role="alert">
                    <p>{ why }</p>
                    <button type="button" class="button button-quiet" onclick={reload.reform(|_| ())}>{ "Try again" }</button>
                </div>
            }
            { account::profile(&settings) }
            { account::email(&settings, mail) }
            { account::password(&settings, min_length) }
            { two_factor::section(&settings, codes.as_ref()) }
            if let Some(account) = &*account {
                { devices::section(&settings, account) }
                { activity::section(&account.activity) }
            } else if trouble.is_none() {
                { skeleton("Loading your devices") }
            }
            { data::download(&settings) }
            { data::delete(&settings) }
            if let Some(proof) = &*asked {
                { proof::dialog(&settings, proof) }
            }
        </Page>
    }
}

/// A part of the page. `id` is that of its heading.
fn section(id: &'static str, title: &'static str, text: Html, body: Html) -> Html {
    html! {
        <section class="card section" aria-labelledby={id}>
            <div class="section-head">
                <h2 {id} tabindex="-1">{ title }</h2>
                { text }
            </div>
            <div>{ body }</div>
        </section>
    }
}
