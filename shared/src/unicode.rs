//! Unicode normalisation, so that equivalent texts compare equal.
//!
//! In the browser it uses JavaScript's `normalize`: Unicode tables in the wasm would make the client half as large again.

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

/// Normalisation form KC.
pub(crate) fn nfkc(value: &str) -> String {
    tables::nfkc(value)
}

/// NFKC in lower case, for case-insensitive comparison.
pub(crate) fn folded(value: &str) -> String {
    tables::lower(&tables::nfkc(value))
}
