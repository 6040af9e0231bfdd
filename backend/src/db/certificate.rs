//! Warning about PostgreSQL connections without certificate verification.

use std::net::IpAddr;

use sqlx::postgres::{PgConnectOptions, PgSslMode};

/// Logs a warning if PostgreSQL is on another host and its certificate is not verified. The connection is allowed, because
/// in some private networks PostgreSQL has no certificate.
pub(super) fn warn_if_unverified(options: &PgConnectOptions) {
    if let Some(host) = unverified_host(options) {
        tracing::warn!(
            "the certificate of PostgreSQL at {host} is not verified (sslmode={}): an attacker on the network could read and \
             change all data. Set sslmode=verify-full in DATABASE_URL.",
            name(options.get_ssl_mode())
        );
    }
}

/// The host, if it is remote and its certificate is not verified. The default of `sslmode` is `prefer`.
fn unverified_host(options: &PgConnectOptions) -> Option<&str> {
    let host = options.get_host();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse();
    let is_loopback = host == "localhost" || address.is_ok_and(|address: IpAddr| address.is_loopback());
    let is_socket = options.get_socket().is_some() || host.starts_with('/');
    let is_verified = matches!(options.get_ssl_mode(), PgSslMode::VerifyFull);
    (!is_verified && !is_loopback && !is_socket).then_some(host)
}

fn name(mode: PgSslMode) -> &'static str {
    match mode {
        PgSslMode::Disable => "disable",
        PgSslMode::Allow => "allow",
        PgSslMode::Prefer => "prefer",
        PgSslMode::Require => "require",
        PgSslMode::VerifyCa => "verify-ca",
        PgSslMode::VerifyFull => "verify-full",
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_a_remote_host_is_reported() {
        let cases = [
            ("postgres://db.example.com/docket", Some("db.example.com")),
            ("postgres://10.0.0.7/docket?sslmode=require", Some("10.0.0.7")),
            // Accepts a certificate for any name.
            (
                "postgres://db.example.com/docket?sslmode=verify-ca",
                Some("db.example.com"),
            ),
            ("postgres://localhost.example.com/docket", Some("localhost.example.com")),
            ("postgres://db.example.com/docket?sslmode=verify-full", None),
            ("postgres://localhost/docket?sslmode=disable", None),
            ("postgres://127.0.0.1/docket", None),
            ("postgres://[::1]/docket", None),
            ("postgres:///docket?host=/var/run/postgresql", None),
            ("postgres://%2Fvar%2Frun%2Fpostgresql/docket", None),
        ];
        for (url, host) in cases {
            let options: PgConnectOptions = url.parse().unwrap();
            assert_eq!(unverified_host(&options), host, "{url}");
        }
    }
}
