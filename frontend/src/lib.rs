//! The Docket web client. `app` says what is shown where; `store` holds the tasks; `sync` carries them to the server
//! and back; `api` is the only module that talks to it. `account` has the pages that few visits need.

pub mod account;
mod agent;
pub mod api;
pub mod app;
pub mod components;
mod dates;
mod dom;
mod draft;
mod flag;
mod json;
mod lock;
mod pages;
pub mod session;
mod storage;
pub mod store;
mod sync;

/// Puts the client in the place of the static shell of `index.html`.
pub fn start() {
    if account::is_page(&dom::path()) {
        dom::load_script(&account::script());
    } else {
        show::<app::App>();
    }
}

/// The same for the pages of the account.
pub fn start_account() {
    show::<account::AccountApp>();
}

fn show<C: yew::BaseComponent<Properties = ()>>() {
    if let Some(root) = dom::element("app") {
        yew::Renderer::<C>::with_root(root).render();
    }
}
