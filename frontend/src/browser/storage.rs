//! The browser's storage, as JSON. It may be full or forbidden; then nothing is kept and `set` says so.

use serde::{Serialize, de::DeserializeOwned};
use web_sys::Storage;

use crate::json;

/// Which of the browser's two stores.
#[derive(Clone, Copy)]
pub enum Area {
    /// For good, for every tab.
    Local,
    /// Until this tab is closed.
    Tab,
}

impl Area {
    fn open(self) -> Option<Storage> {
        let window = web_sys::window()?;
        match self {
            Self::Local => window.local_storage(),
            Self::Tab => window.session_storage(),
        }
        .ok()?
    }

    /// The value of `key`; none if there is none or it makes no sense.
    pub fn get<T: DeserializeOwned>(self, key: &str) -> Option<T> {
        let text = self.open()?.get_item(key).ok()??;
        json::read(&text)
    }

    /// Keeps a value, and says whether it is kept.
    pub fn set(self, key: &str, value: &impl Serialize) -> bool {
        let Some(storage) = self.open() else {
            return false;
        };
        json::write(value).is_some_and(|text| storage.set_item(key, &text).is_ok())
    }

    /// Whether `key` has a value.
    pub fn has(self, key: &str) -> bool {
        self.open()
            .is_some_and(|storage| matches!(storage.get_item(key), Ok(Some(_))))
    }

    /// Forgets a value.
    pub fn remove(self, key: &str) {
        if let Some(storage) = self.open() {
            // Removing what is not there is fine.
            let _ = storage.remove_item(key);
        }
    }

    /// Every value whose key begins with `prefix`.
    pub fn all<T: DeserializeOwned>(self, prefix: &str) -> Vec<T> {
        let Some(storage) = self.open() else {
            return Vec::new();
        };
        let count = storage.length().unwrap_or(0);
        (0..count)
            .filter_map(|index| storage.key(index).ok()?)
            .filter(|key| key.starts_with(prefix))
            .filter_map(|key| self.get(&key))
            .collect()
    }
}
