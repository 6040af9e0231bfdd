//! The program of the tasks: which page is at which path, and who may see it.

use shared::pages::SETTINGS;
use yew::prelude::*;
use yew_router::prelude::*;
use yew_router::query::Raw;

use crate::route::{LoadPage, Redirect, Route, SignInQuery, followed_link};
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
            <BrowserRouter>
                <Pages {current} {toasts} />
            </BrowserRouter>
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
    let location = use_location();
    let route = use_route().unwrap_or(Route::NotFound);
    let navigator = use_navigator();
    let page = location.map(|location| switch(route, &props.current, &props.toasts, &location));
    let onclick = move |event: MouseEvent| {
        if let Some((navigator, href)) = navigator.as_ref().zip(followed_link(&event)) {
            event.prevent_default();
            let (path, query) = href.split_once('?').unwrap_or((&href, ""));
            // Cannot fail: the query is encoded already.
            let _ = navigator.push_with_query(&Route::of(path), Raw(query));
        }
    };
    // Pages use plain links. Those to pages of this program are followed here without a reload.
    html! { <div {onclick}>{ page }</div> }
}

/// The page of a route. Users who are not signed in are redirected to the sign-in page, and from there back.
fn switch(route: Route, current: &CurrentUser, toasts: &Toasts, location: &Location) -> Html {
    let query = || SignInQuery::of(location);
    let start_session = &current.start_session;
    match (route, &current.user) {
        (Route::Home, _) => html! { <Redirect to={Route::Tasks} /> },
        (Route::Tasks, Some(user)) => html! {
            <TasksPage key={user.id.clone()} user={user.clone()} end_session={&current.end_session} toasts={toasts.clone()} />
        },
        (Route::Tasks, None) => html! {
            <Redirect to={Route::Login} query={SignInQuery::back_to(location).encode()} />
        },
        (Route::Login, None) => html! {
            <LoginPage expired={current.expired} {start_session} query={query().encode()} />
        },
        (Route::Signup, None) => html! { <SignupPage {start_session} query={query().encode()} /> },
        (Route::Login | Route::Signup, Some(_)) => match query() {
            query if query.next.as_deref() == Some(SETTINGS) => html! { <LoadPage to={SETTINGS} /> },
            query => {
                let (to, query) = query.target();
                html! { <Redirect {to} {query} /> }
            }
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
