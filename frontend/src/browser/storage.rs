//! The browser's web storage, with values as JSON. It may be full or disabled: then `set` returns false.

use serde::{Serialize, de::DeserializeOwned};
use web_sys::Storage;

use super::json;

/// One of the two web storage areas.
#[derive(Clone, Copy)]
pub enum Area {
    /// `localStorage`: permanent, shared by all tabs.
    Local,
    /// `sessionStorage`: of this tab, until it is closed.
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

    /// The value of `key`; none if there is none or it cannot be parsed.
    pub fn get<T: DeserializeOwned>(self, key: &str) -> Option<T> {
        let text = self.open()?.get_item(key).ok()??;
        json::parse(&text)
    }

    /// Stores a value. Returns whether that succeeded.
    pub fn set(self, key: &str, value: &impl Serialize) -> bool {
        let Some(storage) = self.open() else {
            return false;
        };
        json::serialize(value).is_some_and(|text| storage.set_item(key, &text).is_ok())
    }

    /// Whether `key` has a value.
    pub fn has(self, key: &str) -> bool {
        self.open()
            .is_some_and(|storage| matches!(storage.get_item(key), Ok(Some(_))))
    }

    /// Removes a value.
    pub fn remove(self, key: &str) {
        if let Some(storage) = self.open() {
            // Fails only if the storage is disabled, and then there is no value.
            let _ = storage.remove_item(key);
        }
    }

    /// All keys that start with `prefix`.
    pub fn keys(self, prefix: &str) -> Vec<String> {
        let Some(storage) = self.open() else {
            return Vec::new();
        };
        let count = storage.length().unwrap_or(0);
        (0..count)
            .filter_map(|index| storage.key(index).ok()?)
            .filter(|key| key.starts_with(prefix))
            .collect()
    }

    /// All values whose keys start with `prefix`.
    pub fn all<T: DeserializeOwned>(self, prefix: &str) -> Vec<T> {
        self.keys(prefix).iter().filter_map(|key| self.get(key)).collect()
    }
}
