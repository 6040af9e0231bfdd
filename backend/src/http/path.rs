//! Parameters of the path of a request.

use percent_encoding::percent_decode_str;
use poem::Request;

/// The percent-decoded path parameter at `position`, from 0. The framework names parameters by their position.
pub fn parameter(request: &Request, position: usize) -> String {
    let raw = request.raw_path_param(&format!("param{position}"));
    percent_decode_str(raw.unwrap_or_default())
        .decode_utf8_lossy()
        .into_owned()
}
