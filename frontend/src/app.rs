//! The program of the tasks: which page is at which path, and who may see it.

use yew::prelude::*;

use crate::browser::history::{self, Address, use_address};
use crate::route::{LoadPage, Redirect, Route, TASKS, followed_link, is_account_page, sign_in_url, url_after_sign_in};
use crate::session::{CurrentUser, use_current_user};
use crate::sign_in::login::LoginPage;
use crate::sign_in::signup::SignupPage;
use crate::tasks::page::TasksPage;
use crate::ui::page::Page;
use crate::ui::toast::{Toasts, use_toasts};

/// The program.
#[component]
pub fn App() -> Html {
    let (toasts, toast_region) = use_toasts();
    let current = use_current_user(&toasts);
    html! {
        <>
            <Pages {current} {toasts} />
            { toast_region }
        </>
    }
}

#[derive(PartialEq, Properties)]
struct PagesProps {
    current: CurrentUser,
    toasts: Toasts,
}

#[component]
fn Pages(props: &PagesProps) -> Html {
    let address = use_address();
    let onclick = |event: MouseEvent| {
        if let Some(href) = followed_link(&event) {
            event.prevent_default();
            history::push(&href);
        }
    };
    // Pages use plain links. Those to pages of this program are followed here without a reload.
    html! { <div {onclick}>{ switch(&address, &props.current, &props.toasts) }</div> }
}

/// The page at an address. Users who are not signed in are redirected to the sign-in page, and from there back.
fn switch(address: &Address, current: &CurrentUser, toasts: &Toasts) -> Html {
    let query = &address.query;
    let start_session = &current.start_session;
    match (Route::of(&address.path), &current.user) {
        (Route::Home, _) => html! { <Redirect to={TASKS} /> },
        (Route::Tasks, Some(user)) => html! {
            <TasksPage key={user.id.clone()} user={user.clone()} end_session={&current.end_session} toasts={toasts.clone()} />
        },
        (Route::Tasks, None) => html! { <Redirect to={sign_in_url(address)} /> },
        (Route::Login, None) => html! {
            <LoginPage expired={current.expired} {start_session} query={query.clone()} />
        },
        (Route::Signup, None) => html! { <SignupPage {start_session} query={query.clone()} /> },
        (Route::Login | Route::Signup, Some(_)) => match url_after_sign_in(query) {
            to if is_account_page(&to) => html! { <LoadPage {to} /> },
            to => html! { <Redirect {to} /> },
        },
        (Route::NotFound, _) => not_found_page(),
    }
}

/// The page of an unknown path.
fn not_found_page() -> Html {
    let subtitle = html! { <p>{ "There is nothing at this address. Check it for typing errors." }</p> };
    html! {
        <Page key="not-found" title="Page not found" {subtitle} narrow=true>
            <a href="/tasks" class="button button-main">{ "Go to your tasks" }</a>
        </Page>
    }
}
