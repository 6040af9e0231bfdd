//! The Docket web client. `app` says what is shown where; `store` holds the tasks; `sync` carries them to the server
//! and back; `api` is the only module that talks to it.

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
    if let Some(root) = dom::element("app") {
        yew::Renderer::<app::App>::with_root(root).render();
    }
}
