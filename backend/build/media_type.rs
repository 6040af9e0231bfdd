//! Media types of the embedded files.

/// The `Content-Type` of a file, by the extension of its name. Text is UTF-8.
pub fn media_type(path: &str) -> String {
    let media_type = mime_guess::from_path(path).first_or_octet_stream();
    if media_type.type_() == mime_guess::mime::TEXT {
        format!("{media_type}; charset=utf-8")
    } else {
        media_type.to_string()
    }
}
