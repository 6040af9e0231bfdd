//! The web client and Swagger UI, which `build.rs` embeds into the binary.

use poem::http::{HeaderMap, Method, StatusCode, header};
use poem::{Request, Response, handler};
use shared::pages;

use crate::http::conditional::IfNoneMatch;
use crate::http::problem::Problem;
use crate::http::routes::DOCS;

/// A file of the client.
struct File {
    /// The URL path.
    path: &'static str,
    media_type: &'static str,
    /// Whether the name contains a hash of the content.
    immutable: bool,
    etag: &'static str,
    plain: &'static [u8],
    brotli: &'static [u8],
    gzip: &'static [u8],
}

// `FILES: &[File]` and `CONTENT_SECURITY_POLICY: &str`.
include!(concat!(env!("OUT_DIR"), "/ui.rs"));

const INDEX: &str = "/index.html";
/// The page of Swagger UI, which the server serves at `/docs`.
const DOCS_INDEX: &str = "/docs/index.html";
const NO_FILE: &str = "There is no such file. Reload the page: it may be of an older version.\n";
const NOT_BUILT: &str = "The web client is not part of this binary. Build it with `just build`.\n";

/// Serves a file of the client, or `index.html` at the path of a page. At other paths `index.html` is served with status 404,
/// and the client shows that the page does not exist.
#[handler]
pub fn client(request: &Request) -> Result<Response, Problem> {
    let path = request.uri().path();
    if path == "/api" || path.starts_with("/api/") {
        return Err(Problem::NotFound);
    }
    require_read(request)?;
    // Whether there is Swagger UI is for the wiring to decide.
    if !is_docs(path)
        && let Some(file) = find(path)
    {
        return Ok(answer(file, request.headers()));
    }
    let is_page = pages::has(&pages::MAIN, path) || pages::has(&pages::ACCOUNT, path);
    let is_file = path.rsplit('/').next().is_some_and(|name| name.contains('.'));
    Ok(match find(INDEX) {
        Some(index) if is_page => answer(index, request.headers()),
        Some(index) if !is_file => {
            let mut response = answer(index, &without_condition(request.headers()));
            response.set_status(StatusCode::NOT_FOUND);
            response
        }
        Some(_) => missing(NO_FILE),
        None => missing(NOT_BUILT),
    })
}

/// Serves Swagger UI: its page at `/docs`, and the files of the page below.
#[handler]
pub fn docs(request: &Request) -> Result<Response, Problem> {
    require_read(request)?;
    let path = match request.uri().path() {
        DOCS | "/docs/" => DOCS_INDEX,
        path => path,
    };
    Ok(match find(path) {
        Some(file) => answer(file, request.headers()),
        None if find(DOCS_INDEX).is_none() => missing(NOT_BUILT),
        None => missing(NO_FILE),
    })
}

fn require_read(request: &Request) -> Result<(), Problem> {
    match *request.method() {
        Method::GET | Method::HEAD => Ok(()),
        _ => Err(Problem::MethodNotAllowed),
    }
}

fn find(path: &str) -> Option<&'static File> {
    FILES.iter().find(|file| file.path == path)
}

/// Whether a path is below `/docs`.
fn is_docs(path: &str) -> bool {
    path.strip_prefix(DOCS).is_some_and(|rest| rest.starts_with('/'))
}

fn missing(text: &'static str) -> Response {
    Response::builder()
        .status(StatusCode::NOT_FOUND)
        .header(header::CACHE_CONTROL, "no-cache")
        .content_type("text/plain; charset=utf-8")
        .body(text)
}

/// Removes `If-None-Match`, because a 404 must not become a 304.
fn without_condition(headers: &HeaderMap) -> HeaderMap {
    let mut headers = headers.clone();
    headers.remove(header::IF_NONE_MATCH);
    headers
}

fn answer(file: &File, headers: &HeaderMap) -> Response {
    let accepts = |encoding: &str| {
        let accepted = headers.get(header::ACCEPT_ENCODING);
        let accepted = accepted.and_then(|value| value.to_str().ok()).unwrap_or_default();
        accepted.split(',').any(|one| {
            let (name, weight) = one.split_once(";q=").unwrap_or((one, "1"));
            name.trim() == encoding && weight.trim().parse() != Ok(0.0)
        })
    };
    let response = Response::builder()
        .header(header::ETAG, file.etag)
        .header(header::VARY, "Accept-Encoding")
        .header(
            header::CACHE_CONTROL,
            if file.immutable {
                "public, max-age=31536000, immutable"
            } else {
                "no-cache"
            },
        )
        .header(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY);
    if IfNoneMatch::of(headers).has(file.etag) {
        return response.status(StatusCode::NOT_MODIFIED).finish();
    }
    let response = response.content_type(file.media_type);
    if accepts("br") {
        response.header(header::CONTENT_ENCODING, "br").body(file.brotli)
    } else if accepts("gzip") {
        response.header(header::CONTENT_ENCODING, "gzip").body(file.gzip)
    } else {
        response.body(file.plain)
    }
}
