//! The embedded web client and the Swagger UI, as served.

#[path = "../../build/media_type.rs"]
mod media_type;

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::support::{Response, Server, on_both_databases};

/// index.html.
async fn page(server: &Server) -> Response {
    let page = server.get("/").send().await;
    assert!(page.status == StatusCode::OK, "build the web client first: just ui");
    page
}

/// The paths of the files that the page loads.
fn files(page: &Response) -> Vec<String> {
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
    async fn pages_serve_index_html_with_no_cache(server) {
        let page = page(&server).await;
        let paths = shared::pages::MAIN.iter().chain(&shared::pages::ACCOUNT);
        for path in paths.chain(&["/login?next=/tasks", "/tasks/", "/index.html"]) {
            let response = server.get(path).send().await;
            response.expect(StatusCode::OK);
            assert_eq!(response.text, page.text);
            assert_eq!(response.header("content-type"), "text/html; charset=utf-8");
            assert_eq!(response.header("cache-control"), "no-cache");
        }
        assert!(page.text.contains(r#"name="docket-api" content="""#), "{}", page.text);
        assert!(!page.text.contains("localhost"), "{}", page.text);
    }

    async fn unknown_pages_are_404_with_index_html(server) {
        let page = page(&server).await;
        for path in ["/no/such/page", "/404", "/task", "/tasks/1", "/settings/x", "//"] {
            // A matching ETag does not make it 304.
            let response = server.get(path).header("if-none-match", page.header("etag")).send().await;
            response.expect(StatusCode::NOT_FOUND);
            assert_eq!(response.text, page.text, "{path}");
            assert_eq!(response.header("content-type"), "text/html; charset=utf-8");
            assert_eq!(response.header("cache-control"), "no-cache");
            assert_eq!(response.header("content-security-policy"), page.header("content-security-policy"));
            let head = server.request(Method::HEAD, path).send().await;
            head.expect(StatusCode::NOT_FOUND);
        }
    }

    async fn missing_files_are_plain_text_404(server) {
        let page = page(&server).await;
        let old = ["/docket-ui-0123456789abcdef.js", "/docket-ui-0123456789abcdef_bg.wasm", "/app-0123456789abcdef.css"];
        let unhashed = ["/docket-account.js", "/docket-account_bg.wasm", "/docket-account_loader.js"];
        for path in old.into_iter().chain(unhashed).chain(["/robots.txt", "/no/such/picture.png"]) {
            let response = server.get(path).header("accept-encoding", "identity").send().await;
            response.expect(StatusCode::NOT_FOUND);
            assert_eq!(response.header("content-type"), "text/plain; charset=utf-8", "{path}");
            assert_eq!(response.header("cache-control"), "no-cache", "{path}");
            assert_ne!(response.text, page.text);
        }
    }

    async fn hashed_files_are_immutable(server) {
        let mut files = files(&page(&server).await);
        for ending in [".js", ".wasm", ".css", ".svg", "_loader.js"] {
            assert!(files.iter().any(|file| file.ends_with(ending)), "{ending} of {files:?}");
        }
        // The loader of the account pages imports a script, which fetches the wasm.
        let mut importer = files.iter().find(|file| file.ends_with("_loader.js")).unwrap().clone();
        for ending in [".js", ".wasm"] {
            let text = server.get(&importer).send().await.text;
            let mut names = text.split(['"', '\'', '/']).filter(|name| name.starts_with("docket-account"));
            importer = format!("/{}", names.find(|name| name.ends_with(ending)).unwrap());
            files.push(importer.clone());
        }
        for file in &files {
            let response = server.request(Method::HEAD, file).send().await;
            response.expect(StatusCode::OK);
            assert_eq!(response.header("cache-control"), "public, max-age=31536000, immutable", "{file}");
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

    async fn files_are_compressed_and_have_etags(server) {
        let files = files(&page(&server).await);
        let wasm = files.iter().find(|file| file.ends_with(".wasm")).unwrap();
        let mut lengths = Vec::new();
        for (accepted, encoding) in [("identity", ""), ("gzip, deflate", "gzip"), ("gzip, deflate, br;q=1", "br")] {
            let response = server.request(Method::HEAD, wasm).header("accept-encoding", accepted).send().await;
            response.expect(StatusCode::OK);
            assert_eq!(response.header("content-encoding"), encoding);
            assert!(response.header("vary").contains("Accept-Encoding") || response.headers.get_all("vary").iter().count() > 1);
            lengths.push(response.header("content-length").parse::<usize>().unwrap());
        }
        assert!(lengths.is_sorted_by(|more, less| more > less), "{lengths:?}");
        let known = page(&server).await;
        let same = server.get("/").header("if-none-match", known.header("etag")).send().await;
        same.expect(StatusCode::NOT_MODIFIED);
    }

    async fn pages_have_a_strict_content_security_policy(server) {
        let page = page(&server).await;
        let policy = page.header("content-security-policy");
        for rule in ["default-src 'none'", "'wasm-unsafe-eval'", "connect-src 'self'", "frame-ancestors 'none'", "'sha256-"] {
            assert!(policy.contains(rule), "{policy}");
        }
        assert!(!policy.contains("unsafe-inline") && !policy.contains("'unsafe-eval'"), "{policy}");
        assert_eq!(page.header("x-content-type-options"), "nosniff");
        assert_eq!(page.header("referrer-policy"), "same-origin");
    }

    async fn pages_allow_get_and_head_only(server) {
        let response = server.post("/tasks", json!({})).send().await;
        response.expect_problem(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed");
        assert_eq!(response.header("allow"), "GET, HEAD");
    }

    async fn swagger_ui_has_no_inline_script_or_style(server) {
        let docs = server.get("/docs").send().await;
        docs.expect(StatusCode::OK);
        assert_eq!(docs.header("content-type"), "text/html; charset=utf-8");
        assert_eq!(docs.header("content-security-policy"), page(&server).await.header("content-security-policy"));
        assert!(!docs.text.contains("<style") && !docs.text.contains("style="), "{}", docs.text);
        assert!(docs.text.split("<script").skip(1).all(|script| script.starts_with(" src=\"/docs/")), "{}", docs.text);
        let mut files = files(&docs);
        files.retain(|file| file != "/openapi.json");
        assert_eq!(files, ["/docs/docs.js", "/docs/swagger-ui-bundle.js", "/docs/swagger-ui.css"]);
        for file in &files {
            let response = server.request(Method::HEAD, file).send().await;
            response.expect(StatusCode::OK);
            // The names have no hash.
            assert_eq!(response.header("cache-control"), "no-cache", "{file}");
        }
        let script = server.get("/docs/docs.js").send().await.text;
        // By default, a service on the internet validates the document of a public server.
        assert!(script.contains("url: \"/openapi.json\"") && script.contains("validatorUrl: null"), "{script}");
        let refused = server.post("/docs", json!({})).send().await;
        refused.expect_problem(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed");
    }

    async fn docs_off_removes_swagger_ui_and_keeps_the_document(server, "--docs", "off") {
        for path in ["/docs", "/docs/", "/docs/index.html", "/docs/docs.js", "/docs/swagger-ui-bundle.js"] {
            let response = server.get(path).send().await;
            response.expect(StatusCode::NOT_FOUND);
            assert!(!response.text.contains("swagger"), "{path}");
        }
        server.get("/openapi.json").send().await.expect(StatusCode::OK);
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
