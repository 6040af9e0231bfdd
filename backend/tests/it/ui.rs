//! The web client, as the server serves it, and the pages about the API.

#[path = "../../build/media_type.rs"]
mod media_type;

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::support::{Answer, Server, on_both_databases};

/// The page, which refers to everything else.
async fn page(server: &Server) -> Answer {
    let page = server.get("/").send().await;
    assert!(page.status == StatusCode::OK, "build the web client first: just ui");
    page
}

/// The addresses of the files that the page loads.
fn files(page: &Answer) -> Vec<String> {
    let parts = page.text.split(['"', '\'']);
    let files = parts
        .filter(|part| part.starts_with('/') && part.contains('.'))
        .map(str::to_owned);
    let mut files: Vec<String> = files.collect();
    files.sort();
    files.dedup();
    files
}

on_both_databases! {
    async fn pages_are_the_client_and_never_cached(server) {
        let page = page(&server).await;
        let paths = shared::pages::MAIN.iter().chain(&shared::pages::ACCOUNT);
        for path in paths.chain(&["/login?next=/tasks", "/tasks/", "/index.html"]) {
            let answer = server.get(path).send().await;
            answer.expect(StatusCode::OK);
            assert_eq!(answer.text, page.text);
            assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
            assert_eq!(answer.header("cache-control"), "no-cache");
        }
        assert!(page.text.contains(r#"name="docket-api" content="""#), "{}", page.text);
        assert!(!page.text.contains("localhost"), "{}", page.text);
    }

    async fn a_path_of_no_page_is_404_with_the_page_that_says_so(server) {
        let page = page(&server).await;
        for path in ["/no/such/page", "/404", "/task", "/tasks/1", "/settings/x", "//"] {
            // A tag that holds for the page is no reason to answer 304.
            let answer = server.get(path).header("if-none-match", page.header("etag")).send().await;
            answer.expect(StatusCode::NOT_FOUND);
            assert_eq!(answer.text, page.text, "{path}");
            assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
            assert_eq!(answer.header("cache-control"), "no-cache");
            assert_eq!(answer.header("content-security-policy"), page.header("content-security-policy"));
            let head = server.request(Method::HEAD, path).send().await;
            head.expect(StatusCode::NOT_FOUND);
        }
    }

    async fn a_file_that_is_not_there_is_a_plain_404(server) {
        let page = page(&server).await;
        let old = ["/docket-ui-0123456789abcdef.js", "/docket-ui-0123456789abcdef_bg.wasm", "/app-0123456789abcdef.css"];
        let unhashed = ["/docket-account.js", "/docket-account_bg.wasm", "/docket-account_loader.js"];
        for path in old.into_iter().chain(unhashed).chain(["/robots.txt", "/no/such/picture.png"]) {
            let answer = server.get(path).header("accept-encoding", "identity").send().await;
            answer.expect(StatusCode::NOT_FOUND);
            assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8", "{path}");
            assert_eq!(answer.header("cache-control"), "no-cache", "{path}");
            assert_ne!(answer.text, page.text);
        }
    }

    async fn every_file_has_a_hash_and_is_cached_for_a_year(server) {
        let mut files = files(&page(&server).await);
        for ending in [".js", ".wasm", ".css", ".svg", "_loader.js"] {
            assert!(files.iter().any(|file| file.ends_with(ending)), "{ending} of {files:?}");
        }
        // What starts the pages of the account imports a script, and that script fetches the program.
        let mut importer = files.iter().find(|file| file.ends_with("_loader.js")).unwrap().clone();
        for ending in [".js", ".wasm"] {
            let text = server.get(&importer).send().await.text;
            let mut names = text.split(['"', '\'', '/']).filter(|name| name.starts_with("docket-account"));
            importer = format!("/{}", names.find(|name| name.ends_with(ending)).unwrap());
            files.push(importer.clone());
        }
        for file in &files {
            let answer = server.request(Method::HEAD, file).send().await;
            answer.expect(StatusCode::OK);
            assert_eq!(answer.header("cache-control"), "public, max-age=31536000, immutable", "{file}");
        }
    }

    async fn every_file_has_its_media_type(server) {
        let files = files(&page(&server).await);
        for (ending, media_type) in [
            (".js", "text/javascript; charset=utf-8"),
            (".css", "text/css; charset=utf-8"),
            (".wasm", "application/wasm"),
            (".svg", "image/svg+xml"),
        ] {
            let file = files.iter().find(|file| file.ends_with(ending)).unwrap();
            let answer = server.request(Method::HEAD, file).send().await;
            assert_eq!(answer.header("content-type"), media_type, "{file}");
        }
    }

    async fn files_come_compressed_and_know_their_version(server) {
        let files = files(&page(&server).await);
        let wasm = files.iter().find(|file| file.ends_with(".wasm")).unwrap();
        let mut lengths = Vec::new();
        for (accepted, encoding) in [("identity", ""), ("gzip, deflate", "gzip"), ("gzip, deflate, br;q=1", "br")] {
            let answer = server.request(Method::HEAD, wasm).header("accept-encoding", accepted).send().await;
            answer.expect(StatusCode::OK);
            assert_eq!(answer.header("content-encoding"), encoding);
            assert!(answer.header("vary").contains("Accept-Encoding") || answer.headers.get_all("vary").iter().count() > 1);
            lengths.push(answer.header("content-length").parse::<usize>().unwrap());
        }
        assert!(lengths.is_sorted_by(|more, less| more > less), "{lengths:?}");
        let known = page(&server).await;
        let same = server.get("/").header("if-none-match", known.header("etag")).send().await;
        same.expect(StatusCode::NOT_MODIFIED);
    }

    async fn pages_may_only_do_what_they_need(server) {
        let page = page(&server).await;
        let policy = page.header("content-security-policy");
        for rule in ["default-src 'none'", "'wasm-unsafe-eval'", "connect-src 'self'", "frame-ancestors 'none'", "'sha256-"] {
            assert!(policy.contains(rule), "{policy}");
        }
        assert!(!policy.contains("unsafe-inline") && !policy.contains("'unsafe-eval'"), "{policy}");
        assert_eq!(page.header("x-content-type-options"), "nosniff");
        assert_eq!(page.header("referrer-policy"), "same-origin");
    }

    async fn pages_are_only_read(server) {
        let answer = server.post("/tasks", json!({})).send().await;
        answer.expect_problem(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed");
        assert_eq!(answer.header("allow"), "GET, HEAD");
    }

    async fn swagger_ui_shows_the_served_document_without_the_network(server) {
        let docs = server.get("/docs").send().await;
        docs.expect(StatusCode::OK);
        assert!(docs.header("content-type").starts_with("text/html"));
        assert!(docs.text.contains("SwaggerUIBundle"));
        assert!(docs.text.contains("urn:docket:problem:") && docs.text.contains("list_tasks"));
        assert!(!docs.text.contains("src=\"http") && !docs.text.contains("href=\"http"));
        let policy = docs.header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && policy.contains("'unsafe-inline'"), "{policy}");
    }
}

/// The build script calls the same function. `dist/` does not have files of every kind.
#[test]
fn media_types_follow_the_extension() {
    for (path, expected) in [
        ("/index.html", "text/html; charset=utf-8"),
        ("/messages-0123456789abcdef.json", "application/json"),
        ("/manifest.webmanifest", "application/manifest+json"),
        ("/robots.txt", "text/plain; charset=utf-8"),
        ("/icon.png", "image/png"),
        ("/favicon.ico", "image/x-icon"),
        ("/fonts/inter.woff2", "font/woff2"),
        ("/no-extension", "application/octet-stream"),
    ] {
        assert_eq!(media_type::media_type(path), expected, "{path}");
    }
}
