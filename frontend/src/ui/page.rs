use std::cell::Cell;

use yew::prelude::*;

use crate::dom;

thread_local! {
    /// Whether this is the page that the browser has just loaded.
    static FIRST: Cell<bool> = const { Cell::new(true) };
}

#[derive(PartialEq, Properties)]
pub struct PageProps {
    /// The heading, and the title of the browser's tab.
    pub title: AttrValue,
    /// Stands under the heading.
    #[prop_or_default]
    pub subtitle: Html,
    /// Stands at the end of the bar at the top.
    #[prop_or_default]
    pub actions: Html,
    /// For a page that is a single form.
    #[prop_or_default]
    pub narrow: bool,
    pub children: Html,
}

/// What every page has: the bar at the top, the heading, the title. A new page takes the focus to its heading, so that a
/// screen reader says where the person is.
#[component]
pub fn Page(props: &PageProps) -> Html {
    let heading = use_node_ref();
    {
        let heading = heading.clone();
        use_effect_with(props.title.clone(), move |title| {
            if let Some(document) = dom::document() {
                document.set_title(&format!("{title} · Docket"));
            }
            // The browser begins a page that it loaded at its top by itself.
            if !FIRST.replace(false) {
                dom::focus_node(&heading);
            }
        });
    }
    let skip = |event: MouseEvent| {
        event.prevent_default();
        dom::focus("main");
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
