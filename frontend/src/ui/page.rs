//! The frame of a page: the bar, the heading, the document's title.

use std::cell::Cell;

use yew::prelude::*;

use crate::browser::{dom, focus};

thread_local! {
    /// Whether no page has been rendered since the document was loaded.
    static FIRST_PAGE: Cell<bool> = const { Cell::new(true) };
}

#[derive(PartialEq, Properties)]
pub struct PageProps {
    /// The heading, and the title of the document.
    pub title: AttrValue,
    /// Shown below the heading.
    #[prop_or_default]
    pub subtitle: Html,
    /// Shown at the end of the bar.
    #[prop_or_default]
    pub actions: Html,
    /// For pages with a single form.
    #[prop_or_default]
    pub narrow: bool,
    pub children: Html,
}

/// The frame of a page. When the page changes the heading gets the focus, so that a screen reader announces the page.
#[component]
pub fn Page(props: &PageProps) -> Html {
    let heading = use_node_ref();
    {
        let heading = heading.clone();
        use_effect_with(props.title.clone(), move |title| {
            if let Some(document) = dom::document() {
                document.set_title(&format!("{title} · Docket"));
            }
            // After it has loaded a document, the browser starts at its top by itself.
            if !FIRST_PAGE.replace(false) {
                focus::focus_node(&heading);
            }
        });
    }
    let skip = |event: MouseEvent| {
        event.prevent_default();
        focus::focus("main");
    };
    html! {
        <>
            <a class="skip-link" href="#main" onclick={skip}>{ "Skip to content" }</a>
            <header class="bar">
                <div class="bar-inner">
                    <a href="/tasks" class="brand">
                        <svg class="brand-mark" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
                            <rect width="24" height="24" rx="7" />
                            <path d="m7 12.5 3.5 3.5L17 8.5" />
                        </svg>
                        { "Docket" }
                    </a>
                    { props.actions.clone() }
                </div>
            </header>
            <main id="main" tabindex="-1" class={if props.narrow { "main main-narrow" } else { "main" }}>
                <div class="page-head">
                    <h1 ref={heading} tabindex="-1">{ &props.title }</h1>
                    { props.subtitle.clone() }
                </div>
                { props.children.clone() }
            </main>
        </>
    }
}
