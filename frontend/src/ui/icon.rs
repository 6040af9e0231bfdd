//! The icons, as inline SVG.

use yew::prelude::*;

/// An icon beside a text or in a labelled button. Screen readers ignore it.
#[derive(Clone, Copy, PartialEq)]
pub enum Icon {
    Calendar,
    Check,
    Chevron,
    Cloud,
    Cross,
    Gear,
    Inbox,
    Pencil,
    Plus,
    Trash,
}

impl Icon {
    fn path(self) -> &'static str {
        match self {
            Self::Calendar => {
                "M7 3v3m10-3v3M4 9h16M5 5h14a1 1 0 0 1 1 1v13a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1V6a1 1 0 0 1 1-1Z"
            }
            Self::Check => "m5 12.5 4.5 4.5L19 7.5",
            Self::Chevron => "m6 9 6 6 6-6",
            Self::Cloud => "M7 18h10a4 4 0 0 0 .9-7.9 6 6 0 0 0-11.6 1A3.5 3.5 0 0 0 7 18Zm5-7v3m0 0v.01",
            Self::Cross => "m6 6 12 12M18 6 6 18",
            Self::Gear => {
                "M12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6Zm0-12v3m0 12v3m9-9h-3M6 12H3m15.4-6.4-2.2 2.2M7.8 16.2l-2.2 2.2m12.8 0-2.2-2.2M7.8 7.8 5.6 5.6"
            }
            Self::Inbox => "M4 13h4.5l1.5 3h4l1.5-3H20M4 13l3-8h10l3 8v5a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1v-5Z",
            Self::Pencil => "m14.5 5.5 4 4M4 20l1-4.5L16.5 4a1.8 1.8 0 0 1 2.6 0l.9.9a1.8 1.8 0 0 1 0 2.6L8.5 19 4 20Z",
            Self::Plus => "M12 5v14M5 12h14",
            Self::Trash => "M4 7h16M10 11v6m4-6v6M6 7l1 13h10l1-13M9 7V4h6v3",
        }
    }

    pub fn view(self) -> Html {
        html! {
            <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
                <path d={self.path()} />
            </svg>
        }
    }
}
