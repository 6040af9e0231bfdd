//! Normal forms of text: what looks alike compares equal.
//!
//! A browser has the tables of Unicode itself. To carry our own would make the client half as large again.

#[cfg(not(target_family = "wasm"))]
mod tables {
    use unicode_normalization::UnicodeNormalization;

    pub(crate) fn nfkc(value: &str) -> String {
        value.nfkc().collect()
    }

    pub(crate) fn lower(value: &str) -> String {
        value.to_lowercase()
    }
}

#[cfg(target_family = "wasm")]
mod tables {
    use js_sys::JsString;

    pub(crate) fn nfkc(value: &str) -> String {
        JsString::from(value).normalize("NFKC").into()
    }

    pub(crate) fn lower(value: &str) -> String {
        JsString::from(value).to_lower_case().into()
    }
}

/// Compatibility-composed Unicode (NFKC).
pub(crate) fn nfkc(value: &str) -> String {
    tables::nfkc(value)
}

/// NFKC in lower case: letter case does not count either.
pub(crate) fn folded(value: &str) -> String {
    tables::lower(&tables::nfkc(value))
}
