//! Which page is at which path, and who may see it. The pages of the account are in `account`.

use serde::{Deserialize, Serialize};
use shared::pages::SETTINGS;
use yew::prelude::*;
use yew_router::prelude::*;
use yew_router::query::{Raw, ToQuery};

use crate::components::leave::Leave;
use crate::components::redirect::Redirect;
use crate::components::toast::{Toasts, use_toasts};
use crate::dom;
use crate::pages::login::LoginPage;
use crate::pages::not_found::not_found_page;
use crate::pages::signup::SignupPage;
use crate::pages::tasks::TasksPage;
use crate::session::{CurrentUser, use_current_user};

/// The pages.
#[derive(Clone, Copy, Debug, PartialEq, Routable)]
pub enum Route {
    #[at("/")]
    Home,
    #[at("/login")]
    Login,
    #[at("/signup")]
    Signup,
    #[at("/tasks")]
    Tasks,
    #[not_found]
    #[at("/404")]
    NotFound,
}

/// The query of the sign-in pages: where the person wanted to go.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Next {
    /// A path of this site, with its query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Everything but the pages of the account.
#[component]
pub fn App() -> Html {
    let current = use_current_user();
    let (toasts, toast_place) = use_toasts();
    html! {
        <>
            <BrowserRouter>
                <Pages {current} {toasts} />
            </BrowserRouter>
            { toast_place }
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
        if let Some((navigator, href)) = navigator.as_ref().zip(dom::followed_link(&event)) {
            event.prevent_default();
            let (path, query) = href.split_once('?').unwrap_or((&href, ""));
            // A raw query cannot fail.
            let _ = navigator.push_with_query(&Route::recognize(path).unwrap_or(Route::NotFound), Raw(query));
        }
    };
    // Links are plain links. Those to our own pages are followed here, without loading anything anew.
    html! { <div {onclick}>{ page }</div> }
}

/// The page for a route. Strangers go to the sign-in page, and from there back to where they wanted to go.
fn switch(route: Route, current: &CurrentUser, toasts: &Toasts, location: &Location) -> Html {
    let next = || location.query::<Next>().unwrap_or_default();
    match (route, &current.user) {
        (Route::Home, _) => html! { <Redirect to={Route::Tasks} /> },
        (Route::Tasks, Some(user)) => html! {
            <TasksPage key={user.id.clone()} user={user.clone()} end={&current.end} toasts={toasts.clone()} />
        },
        (Route::Tasks, None) => {
            let next = Next {
                next: Some(format!("{}{}", location.path(), location.query_str())),
            };
            html! { <Redirect to={Route::Login} query={encode(&next)} /> }
        }
        (Route::Login, None) => html! {
            <LoginPage expired={current.expired} begin={&current.begin} next={encode(&next())} />
        },
        (Route::Signup, None) => html! { <SignupPage begin={&current.begin} next={encode(&next())} /> },
        (Route::Login | Route::Signup, Some(_)) => match next().next.as_deref() {
            Some(SETTINGS) => html! { <Leave to={SETTINGS} /> },
            _ => {
                let (to, query) = destination(&next());
                html! { <Redirect {to} {query} /> }
            }
        },
        (Route::NotFound, _) => not_found_page(),
    }
}

/// Which of the pages here to go to after signing in. Only a page of ours is ever gone to: anything else is not recognised.
fn destination(wanted: &Next) -> (Route, String) {
    let wanted = wanted.next.as_deref().unwrap_or_default();
    let (path, query) = wanted.split_once('?').unwrap_or((wanted, ""));
    match Route::recognize(path) {
        Some(Route::Tasks) => (Route::Tasks, query.to_owned()),
        _ => (Route::Tasks, String::new()),
    }
}

/// `next` as a query.
pub fn encode(next: &Next) -> String {
    next.to_query().map(Into::into).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use shared::pages;
    use yew_router::Routable;

    use super::{Next, Route, destination, encode};

    #[test]
    fn the_server_knows_the_same_pages() {
        let mut routes = Route::routes();
        let not_found = Route::NotFound.to_path();
        routes.retain(|path| *path != not_found);
        assert_eq!(routes, pages::MAIN);
        for path in [
            "/tasks",
            "/tasks/",
            "/tasks//",
            "/task",
            "/tasks/1",
            "/404",
            "/settings",
        ] {
            let shown = Route::recognize(path) != Some(Route::NotFound);
            assert_eq!(shown, pages::has(&pages::MAIN, path), "{path}");
        }
    }

    fn after(next: &str) -> (Route, String) {
        destination(&Next {
            next: Some(next.to_owned()),
        })
    }

    #[test]
    fn a_person_comes_back_to_where_they_wanted_to_go() {
        let expected = (Route::Tasks, "status=pending&sort=title".to_owned());
        assert_eq!(after("/tasks?status=pending&sort=title"), expected);
        assert_eq!(destination(&Next::default()), (Route::Tasks, String::new()));
    }

    #[test]
    fn nobody_is_sent_elsewhere() {
        let home = (Route::Tasks, String::new());
        for next in [
            "//example.com/tasks",
            "https://example.com",
            "/\\example.com",
            "javascript:alert(1)",
            "",
            "/login",
            "/reset-password?token=x",
        ] {
            assert_eq!(after(next), home, "{next}");
        }
    }

    #[test]
    fn the_wanted_path_is_one_value_of_the_query() {
        let next = Next {
            next: Some("/tasks?status=pending&sort=title".to_owned()),
        };
        assert_eq!(encode(&next), "next=%2Ftasks%3Fstatus%3Dpending%26sort%3Dtitle");
    }
}
