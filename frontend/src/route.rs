//! The addresses of the pages, and navigation between them. The pages of the account belong to another program, so a
//! page that leads from one program to the other is loaded by the browser.

use serde::Serialize;
use shared::pages;
use web_sys::Element;
use yew::prelude::*;
use yew_router::prelude::*;
use yew_router::query::{Raw, ToQuery};

use crate::browser::dom;

/// The pages of the program of the tasks.
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

impl Route {
    /// The page at `path`.
    pub fn of(path: &str) -> Self {
        Self::recognize(path).unwrap_or(Self::NotFound)
    }
}

/// Whether `path` is a page of the account.
pub fn is_account_page(path: &str) -> bool {
    pages::has(&pages::ACCOUNT, path)
}

/// The URL of the script that starts the program of the account. It is in `index.html`, because the server adds a hash to
/// the name of the file.
pub fn account_script() -> String {
    dom::meta("docket-account")
}

/// The query of the sign-in pages.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct SignInQuery {
    /// The redirect target after sign-in: a path of this site, with its query.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl SignInQuery {
    /// The query of `location`. The browser parses it: the router's parser takes 1.4 kB of the size budget.
    pub fn of(location: &Location) -> Self {
        Self {
            next: dom::parameter(location.query_str(), "next"),
        }
    }

    /// The query that leads back to `location`.
    pub fn back_to(location: &Location) -> Self {
        Self {
            next: Some(format!("{}{}", location.path(), location.query_str())),
        }
    }

    /// The query as text.
    pub fn encode(&self) -> String {
        self.to_query().map(Into::into).unwrap_or_default()
    }

    /// The redirect target after sign-in, with its query. Unknown paths are dropped, so there is no open redirect.
    pub fn target(&self) -> (Route, String) {
        let next = self.next.as_deref().unwrap_or_default();
        let (path, query) = next.split_once('?').unwrap_or((next, ""));
        match Route::of(path) {
            Route::Tasks => (Route::Tasks, query.to_owned()),
            _ => (Route::Tasks, String::new()),
        }
    }
}

/// The target of a plain click on a link to a page of this program. All other clicks are left to the browser.
pub fn followed_link(event: &MouseEvent) -> Option<String> {
    let plain = !(event.ctrl_key() || event.meta_key() || event.shift_key() || event.alt_key());
    let link = event.target_dyn_into::<Element>()?.closest("a[href^='/']").ok()??;
    let href = link.get_attribute("href")?;
    let path = href.split_once('?').map_or(href.as_str(), |(path, _)| path);
    (plain && !is_account_page(path)).then_some(href)
}

#[derive(PartialEq, Properties)]
pub struct RedirectProps {
    pub to: Route,
    #[prop_or_default]
    pub query: String,
}

/// Goes to another page of this program and replaces the entry in the history, so that "back" does not return here.
#[component]
pub fn Redirect(props: &RedirectProps) -> Html {
    let navigator = use_navigator();
    use_effect_with((props.to, props.query.clone()), move |(to, query)| {
        if let Some(navigator) = navigator {
            if query.is_empty() {
                navigator.replace(to);
            } else {
                // Cannot fail: the query is encoded already.
                let _ = navigator.replace_with_query(to, Raw(query));
            }
        }
    });
    Html::default()
}

#[derive(PartialEq, Properties)]
pub struct LoadPageProps {
    /// A path of this site, with its query.
    pub to: AttrValue,
}

/// Loads a page of the other program and replaces the entry in the history.
#[component]
pub fn LoadPage(props: &LoadPageProps) -> Html {
    use_effect_with(props.to.clone(), |to| dom::replace_page(to));
    Html::default()
}

#[cfg(test)]
mod tests {
    use shared::pages;
    use yew_router::Routable;

    use super::{Route, SignInQuery};

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

    fn target(next: &str) -> (Route, String) {
        let query = SignInQuery {
            next: Some(next.to_owned()),
        };
        query.target()
    }

    #[test]
    fn sign_in_leads_back_to_the_requested_page() {
        let expected = (Route::Tasks, "status=pending&sort=title".to_owned());
        assert_eq!(target("/tasks?status=pending&sort=title"), expected);
        assert_eq!(SignInQuery::default().target(), (Route::Tasks, String::new()));
    }

    #[test]
    fn there_is_no_open_redirect() {
        let tasks = (Route::Tasks, String::new());
        for next in [
            "//example.com/tasks",
            "https://example.com",
            "/\\example.com",
            "javascript:alert(1)",
            "",
            "/login",
            "/reset-password?token=x",
        ] {
            assert_eq!(target(next), tasks, "{next}");
        }
    }

    #[test]
    fn the_target_is_one_encoded_value_of_the_query() {
        let query = SignInQuery {
            next: Some("/tasks?status=pending&sort=title".to_owned()),
        };
        assert_eq!(query.encode(), "next=%2Ftasks%3Fstatus%3Dpending%26sort%3Dtitle");
    }
}
