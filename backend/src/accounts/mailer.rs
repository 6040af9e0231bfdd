//! Sends mail by SMTP, after the response: neither its time nor its failure tells whether an address has an account, and a
//! slow mail server slows no request.

use std::sync::Arc;
use std::time::Duration;

use backon::Retryable;
use lettre::message::header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue};
use lettre::message::{Body, Mailbox, SinglePart};
use lettre::transport::smtp;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::accounts::letter::Letter;
use crate::config::{ConfigError, SmtpSettings};
use crate::fault::Fault;
use crate::http::client::Client;
use crate::http::problem::Problem;

/// The most mails that may be on their way.
const WAITING_MAX: usize = 256;
/// The most connections to the mail server at once.
const CONNECTIONS_MAX: usize = 4;
/// How long the mail server may be silent.
const PATIENCE: Duration = Duration::from_secs(10);
/// Pauses before each retry.
const PAUSES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(10), Duration::from_secs(60)];

/// Too many mails wait for the mail server.
#[derive(Debug)]
pub struct QueueFull;

impl From<QueueFull> for Problem {
    fn from(_: QueueFull) -> Self {
        Self::Busy
    }
}

/// Sends mail. Cheap to clone.
#[derive(Clone)]
pub struct Mailer {
    server: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    places: Arc<Semaphore>,
    connections: Arc<Semaphore>,
}

impl Mailer {
    /// Sends by the configured mail server.
    pub fn new(SmtpSettings { url, from }: SmtpSettings<'_>) -> Result<Self, ConfigError> {
        let wrong = |text: &str| ConfigError(text.to_owned());
        let server = AsyncSmtpTransport::<Tokio1Executor>::from_url(url).map_err(|_| {
            wrong(
                "SMTP_URL must look like smtps://user:password@mail.example.com or \
                 smtp://user:password@mail.example.com:587?tls=required.",
            )
        })?;
        let from = from
            .parse()
            .map_err(|_| wrong("MAIL_FROM must be an e-mail address, such as Docket <docket@example.com>."))?;
        Ok(Self {
            server: server.timeout(Some(PATIENCE)).build(),
            from,
            places: Arc::new(Semaphore::new(WAITING_MAX)),
            connections: Arc::new(Semaphore::new(CONNECTIONS_MAX)),
        })
    }

    /// Writes a letter that `client` asked for and sends it, later; `letter` may find that none is due. [`QueueFull`]
    /// when too many wait.
    pub fn post(
        &self,
        client: &Client,
        letter: impl Future<Output = Result<Option<Letter>, Fault>> + Send + 'static,
    ) -> Result<(), QueueFull> {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            tracing::error!(
                request_id = client.request_id,
                waiting = WAITING_MAX,
                "a mail is dropped: too many wait for the mail server"
            );
            return Err(QueueFull);
        };
        let mailer = self.clone();
        let request_id = client.request_id.clone();
        tokio::spawn(async move {
            let _place = place;
            match letter.await {
                Ok(Some(letter)) => mailer.send(letter, &request_id).await,
                Ok(None) => {}
                Err(fault) => tracing::error!(request_id, %fault, "a mail could not be written"),
            }
        });
        Ok(())
    }

    /// Sends a letter that nothing depends on, later.
    pub fn notify(&self, client: &Client, letter: Letter) {
        // That it was dropped is in the log.
        let _ = self.post(client, std::future::ready(Ok(Some(letter))));
    }

    async fn send(&self, letter: Letter, request_id: &str) {
        let subject = letter.subject;
        let message = match self.message(letter) {
            Ok(message) => message,
            Err(error) => return tracing::error!(request_id, subject, error, "a mail cannot be sent to this address"),
        };
        let attempt = || async {
            let _connection = self.connections.acquire().await;
            self.server.send(message.clone()).await
        };
        let sent = attempt
            .retry(PAUSES.into_iter())
            .when(|error| !error.is_permanent())
            .notify(|error, pause| {
                let reason = reason(error);
                tracing::warn!(
                    request_id,
                    subject,
                    reason,
                    ?pause,
                    "a mail could not be sent; retrying"
                );
            })
            .await;
        if let Err(error) = sent {
            tracing::error!(request_id, subject, reason = reason(&error), "a mail was not sent");
        }
    }

    fn message(&self, letter: Letter) -> Result<Message, String> {
        let name = "Auto-Submitted".to_owned();
        let name = HeaderName::new_from_ascii(name).map_err(|error| error.to_string())?;
        let to = letter
            .to
            .parse()
            .map_err(|error: lettre::address::AddressError| error.to_string())?;
        let text = letter.text;
        let body = if text.is_ascii() {
            // As it is, so that a link stays whole wherever a mail is read.
            let lines = text.replace('\n', "\r\n").into_bytes();
            Body::dangerous_pre_encoded(lines, ContentTransferEncoding::SevenBit)
        } else {
            Body::new(text)
        };
        Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(letter.subject)
            .message_id(Some(format!("<{}@{}>", Uuid::now_v7(), self.from.email.domain())))
            // Keeps notes of absence from coming back.
            .raw_header(HeaderValue::new(name, "auto-generated".to_owned()))
            .singlepart(SinglePart::builder().header(ContentType::TEXT_PLAIN).body(body))
            .map_err(|error| error.to_string())
    }
}

/// Why a mail was not sent, without the server's own words: they may contain the address.
fn reason(error: &smtp::Error) -> String {
    match error.status() {
        Some(code) => format!("the mail server answered {code}"),
        None if error.is_response() => "the mail server's answer is not SMTP".to_owned(),
        None => error.to_string(),
    }
}
