//! Embeds the web client, which `trunk build --release` writes to `dist/`, into the server: every file uncompressed, as brotli
//! and as gzip, and a Content-Security-Policy that allows only the inline scripts and styles of `index.html`.

#[path = "build/media_type.rs"]
mod media_type;

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use base64::prelude::{BASE64_STANDARD, Engine};
use sha2::{Digest, Sha256};

/// The API address in the page under `trunk serve`. The embedded page calls its own origin instead.
const DEVELOPMENT_API: &str = r#"name="docket-api" content="http://localhost:8000""#;
const SAME_ORIGIN_API: &str = r#"name="docket-api" content="""#;

/// Files of the second program, to whose names Trunk adds no hash. Each file is listed after the files that it refers to.
const UNHASHED: [&str; 3] = [
    "docket-account_bg.wasm",
    "docket-account.js",
    "docket-account_loader.js",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dist");
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    println!("cargo::rerun-if-changed={}", dist.display());

    let mut files = Vec::new();
    if dist.exists() {
        collect(&dist, &mut files)?;
    }
    files.sort();

    let mut files = files
        .into_iter()
        .map(|file| {
            let path = format!("/{}", file.strip_prefix(&dist)?.to_string_lossy());
            Ok((path, fs::read(file)?))
        })
        .collect::<Result<Vec<(String, Vec<u8>)>, Box<dyn std::error::Error>>>()?;
    for name in UNHASHED {
        add_hash(&mut files, name)?;
    }

    let mut table = String::from("static FILES: &[File] = &[\n");
    let mut policy = content_security_policy("");
    for (number, (path, mut content)) in files.into_iter().enumerate() {
        if path == "/index.html" {
            let page = String::from_utf8(content)?;
            if !page.contains(DEVELOPMENT_API) {
                return Err(format!("{path} does not contain {DEVELOPMENT_API}").into());
            }
            let page = page.replace(DEVELOPMENT_API, SAME_ORIGIN_API);
            policy = content_security_policy(&page);
            content = page.into_bytes();
        }
        let encodings = [
            ("plain", content.clone()),
            ("brotli", brotli(&content)?),
            ("gzip", gzip(&content)?),
        ];
        let digest = BASE64_STANDARD.encode(&Sha256::digest(&content)[..12]);
        writeln!(table, "    File {{")?;
        writeln!(table, "        path: {path:?},")?;
        writeln!(table, "        media_type: {:?},", media_type::media_type(&path))?;
        writeln!(table, "        immutable: {},", is_hashed(&path))?;
        writeln!(table, "        etag: {:?},", format!("W/\"{digest}\""))?;
        for (encoding, bytes) in encodings {
            let file = out.join(format!("{number}.{encoding}"));
            fs::write(&file, bytes)?;
            writeln!(
                table,
                "        {encoding}: include_bytes!({:?}),",
                file.display().to_string()
            )?;
        }
        writeln!(table, "    }},")?;
    }
    writeln!(table, "];\nconst CONTENT_SECURITY_POLICY: &str = {policy:?};")?;
    fs::write(out.join("ui.rs"), table)?;
    Ok(())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

/// Adds a content hash to the name of a file, and updates the files that refer to it.
fn add_hash(files: &mut [(String, Vec<u8>)], name: &str) -> Result<(), Box<dyn std::error::Error>> {
    let Some((path, content)) = files.iter_mut().find(|(path, _)| path.strip_prefix('/') == Some(name)) else {
        // The client is not built.
        return Ok(());
    };
    let digest = Sha256::digest(&*content);
    let hash: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let new = name.replacen("docket-account", &format!("docket-account-{hash}"), 1);
    *path = format!("/{new}");
    for (path, content) in files {
        if path.ends_with(".js") || path.ends_with(".html") {
            *content = std::str::from_utf8(content)?.replace(name, &new).into_bytes();
        }
    }
    Ok(())
}

fn brotli(content: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut writer = brotli::CompressorWriter::new(Vec::new(), 1 << 16, 11, 24);
    writer.write_all(content)?;
    Ok(writer.into_inner())
}

fn gzip(content: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    writer.write_all(content)?;
    writer.finish()
}

/// Whether the name contains a content hash: at least 12 hexadecimal digits, which Trunk or [`add_hash`] puts after a dash.
fn is_hashed(path: &str) -> bool {
    path.split(['-', '_', '.', '/'])
        .any(|part| part.len() >= 12 && part.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn content_security_policy(page: &str) -> String {
    let scripts = hashes(page, "script");
    let styles = hashes(page, "style");
    format!(
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'{scripts}; style-src 'self'{styles}; \
         img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; \
         form-action 'self'; frame-ancestors 'none'"
    )
}

/// The CSP hash sources of the inline elements with that name, each with a leading space.
fn hashes(page: &str, element: &str) -> String {
    let (open, close) = (format!("<{element}"), format!("</{element}>"));
    page.split(&open)
        .skip(1)
        .filter_map(|rest| rest.split_once('>')?.1.split_once(&close))
        .filter(|(content, _)| !content.is_empty())
        .map(|(content, _)| format!(" 'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(content))))
        .collect()
}
