//! Mail to people: what it says, and its way out by SMTP. Nobody waits for it, so neither its time nor its failure tells
//! whether an address has an account, and a slow mail server slows no request.

use std::sync::Arc;
use std::time::Duration;

use lettre::message::header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue};
use lettre::message::{Body, Mailbox, SinglePart};
use lettre::transport::smtp;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use tokio::sync::Semaphore;
use uuid::Uuid;

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
/// How long to wait before each further try.
const PAUSES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(10), Duration::from_secs(60)];

const SIGNATURE: &str = "This mail was sent by Docket. Nobody reads answers to it.";

/// A mail. Its text holds nothing that somebody else could have chosen, apart from an address that was checked.
pub struct Letter {
    to: String,
    subject: &'static str,
    text: String,
}

impl Letter {
    /// To somebody who signed up, or whose address is not confirmed yet.
    pub fn confirm_address(to: String, link: &str) -> Self {
        let text = format!(
            "Welcome to Docket. Please confirm that this is your e-mail address:\n\n{link}\n\n\
             The link works once, for 24 hours.\n\n\
             If you have no account at Docket, somebody mistyped an address. Ignore this mail and nothing will happen."
        );
        Self::new(to, "Confirm your e-mail address", text)
    }

    /// To somebody whose address was entered for a new account, or as the new address of another one.
    pub fn address_in_use(to: String, public_url: &str) -> Self {
        let text = format!(
            "Somebody, perhaps you, wanted to use this e-mail address for an account at Docket. It belongs to one \
             already:\n\n{public_url}/login\n\n\
             If it was you, sign in there, or choose \"Forgot your password?\".\n\n\
             If it was not you, there is nothing to do: the account is as it was."
        );
        Self::new(to, "You have an account already", text)
    }

    /// To somebody who forgot the password.
    pub fn reset_password(to: String, link: &str) -> Self {
        let text = format!(
            "Somebody, perhaps you, asked for a new password for your account. Choose it here:\n\n{link}\n\n\
             The link works once, for 1 hour. A new password signs you out on every device.\n\n\
             If it was not you, ignore this mail: your password stays as it is."
        );
        Self::new(to, "Choose a new password", text)
    }

    /// To somebody whose password was just set with a link.
    pub fn password_was_reset(to: String, public_url: &str) -> Self {
        let text = format!(
            "Your account has a new password, and every device was signed out.\n\n\
             If it was not you, somebody else can read your mail or got hold of a link. Secure your mailbox first, then \
             choose another password here:\n\n{public_url}/forgot-password"
        );
        Self::new(to, "Your password was changed", text)
    }

    /// To the address that somebody wants to have from now on.
    pub fn confirm_new_address(to: String, link: &str) -> Self {
        let text = format!(
            "Somebody, perhaps you, wants to use this e-mail address for an account at Docket. Confirm it here:\n\n\
             {link}\n\n\
             The link works once, for 24 hours. Until then the account keeps its old address.\n\n\
             If it was not you, ignore this mail and nothing will happen."
        );
        Self::new(to, "Confirm your new e-mail address", text)
    }

    /// To the address that somebody has until now.
    pub fn address_will_change(to: String, new_address: &str, public_url: &str) -> Self {
        let text = format!(
            "Somebody, perhaps you, asked to change the e-mail address of your account to {new_address}. It changes when \
             the link in the mail to that address is opened, within 24 hours.\n\n\
             If it was not you, somebody else is signed in as you. Choose another password, which signs everybody out \
             and makes that link worthless:\n\n{public_url}/settings"
        );
        Self::new(to, "Your e-mail address is about to change", text)
    }

    fn new(to: String, subject: &'static str, text: String) -> Self {
        Self { to, subject, text }
    }
}

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
        let mut pauses = PAUSES.into_iter();
        loop {
            let sent = match self.connections.acquire().await {
                Ok(_connection) => self.server.send(message.clone()).await,
                Err(_) => return,
            };
            let Err(error) = sent else { return };
            let reason = reason(&error);
            match pauses.next() {
                Some(pause) if !error.is_permanent() => {
                    tracing::warn!(
                        request_id,
                        subject,
                        reason,
                        ?pause,
                        "a mail could not be sent; retrying"
                    );
                    tokio::time::sleep(pause).await;
                }
                _ => return tracing::error!(request_id, subject, reason, "a mail was not sent"),
            }
        }
    }

    fn message(&self, letter: Letter) -> Result<Message, String> {
        let name = "Auto-Submitted".to_owned();
        let name = HeaderName::new_from_ascii(name).map_err(|error| error.to_string())?;
        let to = letter
            .to
            .parse()
            .map_err(|error: lettre::address::AddressError| error.to_string())?;
        let text = format!("{}\n\n-- \n{SIGNATURE}\n", letter.text);
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
