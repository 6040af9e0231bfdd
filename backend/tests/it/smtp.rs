//! An SMTP server that passes received mails to the test.

use std::net::SocketAddr;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use crate::support::{Database, Server, TIMEOUT};

/// A mail as it was received.
#[derive(Debug)]
pub struct Mail {
    pub to: String,
    /// The argument of AUTH PLAIN, in base64; empty without authentication.
    pub credentials: String,
    /// Header and body, with LF line ends.
    pub text: String,
}

impl Mail {
    #[track_caller]
    pub fn expect(&self, to: &str, subject: &str) {
        assert_eq!(self.to, to, "{}", self.text);
        assert!(self.text.contains(&format!("\nSubject: {subject}\n")), "{}", self.text);
    }

    /// The token in the link to that page.
    #[track_caller]
    pub fn token(&self, page: &str) -> String {
        let (_, rest) = self.text.split_once(&format!("/{page}#token=")).expect(&self.text);
        rest.split_whitespace().next().unwrap().to_owned()
    }
}

/// The mail server.
pub struct Sink {
    pub address: SocketAddr,
    mails: mpsc::UnboundedReceiver<Mail>,
}

impl Sink {
    pub async fn start() -> Self {
        Self::at("127.0.0.1:0".parse().unwrap()).await
    }

    pub async fn at(address: SocketAddr) -> Self {
        Self::on(TcpListener::bind(address).await.unwrap())
    }

    /// Serves on a listener, whose clients may have been waiting.
    pub fn on(listener: TcpListener) -> Self {
        let address = listener.local_addr().unwrap();
        let (sender, mails) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(receive(connection, sender.clone()));
            }
        });
        Self { address, mails }
    }

    /// Waits for the next mail.
    pub async fn next(&mut self) -> Mail {
        let mail = tokio::time::timeout(TIMEOUT, self.mails.recv()).await;
        mail.expect("no mail arrived").unwrap()
    }

    /// Waits for two mails that arrive in any order. The one to that address comes first in the result.
    pub async fn next_two(&mut self, first: &str) -> (Mail, Mail) {
        let (one, two) = (self.next().await, self.next().await);
        if one.to == first { (one, two) } else { (two, one) }
    }

    /// Asserts that no mail is left that the test has not taken.
    #[track_caller]
    pub fn expect_no_more(&mut self) {
        assert!(self.mails.is_empty(), "{:?}", self.mails.try_recv());
    }
}

/// A Docket server on that database, and the sink it sends mail to.
pub async fn mailing(database: &Database) -> (Server, Sink) {
    mailing_with(database, &[]).await
}

/// As [`mailing`], with flags of the Docket server.
pub async fn mailing_with(database: &Database, flags: &[&str]) -> (Server, Sink) {
    let sink = Sink::start().await;
    (sending_to(database, &sink.address.to_string(), flags).await, sink)
}

/// A Docket server that sends mail to `server`: `host:port`, or `user:password@host:port`.
pub async fn sending_to(database: &Database, server: &str, flags: &[&str]) -> Server {
    let url = format!("smtp://{server}");
    let mail = [
        "--smtp-url",
        &url,
        "--mail-from",
        "Docket <docket@example.com>",
        "--better-auth-url",
        "http://localhost:8000",
    ];
    Server::start(Database::at(database.url.clone()), &[&mail, flags].concat()).await
}

/// Serves one connection: the part of RFC 5321 that a sending client needs.
async fn receive(connection: TcpStream, mails: mpsc::UnboundedSender<Mail>) -> Option<()> {
    let (read, mut write) = connection.into_split();
    let mut lines = BufReader::new(read).lines();
    let (mut to, mut credentials) = (String::new(), String::new());
    write.write_all(b"220 sink\r\n").await.ok()?;
    while let Some(line) = lines.next_line().await.ok()? {
        let response = match line.get(..4).unwrap_or_default() {
            "EHLO" => "250-sink\r\n250 AUTH PLAIN",
            "AUTH" => {
                credentials = line.rsplit(' ').next()?.to_owned();
                "235 ok"
            }
            "RCPT" => {
                to = line.split(['<', '>']).nth(1)?.to_owned();
                "250 ok"
            }
            "DATA" => {
                write.write_all(b"354 go on\r\n").await.ok()?;
                let mut text = String::new();
                while let Some(line) = lines.next_line().await.ok()?.filter(|line| line != ".") {
                    text += line.strip_prefix('.').unwrap_or(&line);
                    text.push('\n');
                }
                let (to, credentials) = (to.clone(), credentials.clone());
                mails.send(Mail { to, credentials, text }).ok()?;
                "250 ok"
            }
            "QUIT" => "221 bye",
            _ => "250 ok",
        };
        write.write_all(format!("{response}\r\n").as_bytes()).await.ok()?;
    }
    Some(())
}
