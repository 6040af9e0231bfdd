//! Sends mail by SMTP in the background, so that neither the response time nor a failure reveals whether an address has an
//! account, and a slow mail server does not delay responses.

use std::sync::Arc;
use std::time::Duration;

use backon::Retryable;
use lettre::message::header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue};
use lettre::message::{Body, Mailbox, SinglePart};
use lettre::transport::smtp;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::accounts::mail::Mail;
use crate::config::{ConfigError, SmtpSettings};
use crate::fault::Fault;
use crate::http::client::Client;
use crate::http::problem::Problem;

/// Maximum number of mails that are queued or being sent: of requested mails, and again of mails that nobody requested.
const QUEUE_MAX: usize = 256;
/// Maximum number of connections to the mail server.
const CONNECTIONS_MAX: usize = 4;
/// Timeout of SMTP commands.
const SMTP_TIMEOUT: Duration = Duration::from_secs(10);
/// The delay before each retry.
const RETRY_DELAYS: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(10), Duration::from_secs(60)];

/// The mail queue is full.
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
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    requested: Arc<Semaphore>,
    unrequested: Arc<Semaphore>,
    connections: Arc<Semaphore>,
}

impl Mailer {
    /// Sends by the configured mail transport.
    pub fn new(SmtpSettings { url, from }: SmtpSettings<'_>) -> Result<Self, ConfigError> {
        let wrong = |text: &str| ConfigError(text.to_owned());
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(url).map_err(|_| {
            wrong(
                "SMTP_URL must look like smtps://user:password@mail.example.com or \
                 smtp://user:password@mail.example.com:587?tls=required.",
            )
        })?;
        let from = from
            .parse()
            .map_err(|_| wrong("MAIL_FROM must be an e-mail address, such as Docket <docket@example.com>."))?;
        Ok(Self {
            transport: transport.timeout(Some(SMTP_TIMEOUT)).build(),
            from,
            requested: Arc::new(Semaphore::new(QUEUE_MAX)),
            unrequested: Arc::new(Semaphore::new(QUEUE_MAX)),
            connections: Arc::new(Semaphore::new(CONNECTIONS_MAX)),
        })
    }

    /// Creates and sends a mail in the background; `client` is the client that requested it. No mail is sent if `mail` returns
    /// none. [`QueueFull`] if the queue is full.
    pub fn enqueue(
        &self,
        client: &Client,
        mail: impl Future<Output = Result<Option<Mail>, Fault>> + Send + 'static,
    ) -> Result<(), QueueFull> {
        self.enqueue_in(&self.requested, client, mail)
    }

    /// Sends a mail that nobody requested in the background. It has a separate queue, so that requests for mails cannot displace
    /// it. Drops it if that queue is full.
    pub fn enqueue_or_drop(&self, client: &Client, mail: Mail) {
        // `enqueue_in` logs a dropped mail.
        let _ = self.enqueue_in(&self.unrequested, client, std::future::ready(Ok(Some(mail))));
    }

    fn enqueue_in(
        &self,
        queue: &Arc<Semaphore>,
        client: &Client,
        mail: impl Future<Output = Result<Option<Mail>, Fault>> + Send + 'static,
    ) -> Result<(), QueueFull> {
        let Ok(slot) = Arc::clone(queue).try_acquire_owned() else {
            tracing::error!(
                request_id = client.request_id,
                waiting = QUEUE_MAX,
                "a mail was dropped: the queue is full"
            );
            return Err(QueueFull);
        };
        let mailer = self.clone();
        let request_id = client.request_id.clone();
        tokio::spawn(async move {
            let _slot = slot;
            match mail.await {
                Ok(Some(mail)) => mailer.send(mail, &request_id).await,
                Ok(None) => {}
                Err(fault) => tracing::error!(request_id, %fault, "creating a mail failed"),
            }
        });
        Ok(())
    }

    async fn send(&self, mail: Mail, request_id: &str) {
        let subject = mail.subject;
        let message = match self.message(mail) {
            Ok(message) => message,
            Err(error) => {
                return tracing::error!(
                    request_id,
                    subject,
                    error,
                    "a mail was not sent: the address is invalid"
                );
            }
        };
        let attempt = || async {
            let _connection = self.connections.acquire().await;
            self.transport.send(message.clone()).await
        };
        let sent = attempt
            .retry(RETRY_DELAYS.into_iter())
            .when(|error| !error.is_permanent())
            .notify(|error, pause| {
                let reason = reason(error);
                tracing::warn!(request_id, subject, reason, ?pause, "sending a mail failed; retrying");
            })
            .await;
        if let Err(error) = sent {
            tracing::error!(request_id, subject, reason = reason(&error), "a mail was not sent");
        }
    }

    fn message(&self, mail: Mail) -> Result<Message, String> {
        let name = "Auto-Submitted".to_owned();
        let name = HeaderName::new_from_ascii(name).map_err(|error| error.to_string())?;
        let to = mail
            .to
            .parse()
            .map_err(|error: lettre::address::AddressError| error.to_string())?;
        let text = mail.text;
        let body = if text.is_ascii() {
            // Unencoded, because some clients break long links in quoted-printable text.
            let lines = text.replace('\n', "\r\n").into_bytes();
            Body::dangerous_pre_encoded(lines, ContentTransferEncoding::SevenBit)
        } else {
            Body::new(text)
        };
        Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(mail.subject)
            .message_id(Some(format!("<{}@{}>", Uuid::now_v7(), self.from.email.domain())))
            // Prevents automatic replies (RFC 3834).
            .raw_header(HeaderValue::new(name, "auto-generated".to_owned()))
            .singlepart(SinglePart::builder().header(ContentType::TEXT_PLAIN).body(body))
            .map_err(|error| error.to_string())
    }
}

/// Why a mail was not sent, without the text of the server's response, which may contain the address.
fn reason(error: &smtp::Error) -> String {
    match error.status() {
        Some(code) => format!("the mail server answered {code}"),
        None if error.is_response() => "the response of the mail server is not SMTP".to_owned(),
        None => error.to_string(),
    }
}
