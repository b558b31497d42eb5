//! `Email`: sends one message over SMTP.
//!
//! The server is a checked target: only addresses that the egress port returned are dialled, and TLS still verifies the
//! name. Addresses and the subject are parsed and encoded by `lettre`; control characters are refused before that, so no
//! header can be smuggled in.

mod stream;

use crate::{BuiltIn, Run, outside};
use akao_contract::{
    Category, Effects, ErrorDoc, ErrorKind, Example, Invocation, NodeType, Outcome, Permission, Reads, StepError,
};
use akao_step::{BoxFuture, Ports, Reach, StepIo};
use lettre::{
    Message,
    message::{Mailbox, MessageBuilder, MultiPart, SinglePart},
    transport::smtp::{
        self,
        authentication::{Credentials, Mechanism},
        client::{AsyncSmtpConnection, Certificate, TlsParameters},
        extension::ClientId,
    },
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;
use stream::BoundedStream;

/// Recipients of one message, over all three fields.
const RECIPIENTS_MAX: usize = 100;

const DESCRIPTION: &str = "\
Sends one message over SMTP and ends in success when the server has taken it. The server needs the grant \
`network.tcp=HOST:PORT`. With `tls: starttls` (the default) and `tls: implicit` the server's certificate is verified; a server \
that does not offer TLS is not used. A password is never sent over a connection without TLS, except to this machine.\n\n\
`text`, `html` or both are the body; with both, the reader's program chooses. The message's id is derived from the step's \
idempotency key, so that a repetition can be recognised.";

const EXAMPLE: &str = "\
# Not granted: the step is denied before anything is dialled.
akao: 1
id: email
version: 1.0.0
outputs: { note: \"${bb.note}\" }
root:
  type: Recovery
  children:
    - type: Email
      props: { host: 127.0.0.1, from: akao@example.com, to: [ops@example.com], subject: Done, text: All orders are in. }
    - { type: SetVariable, props: { key: note, value: denied } }
";

pub(super) fn built_in() -> BuiltIn {
    let error = |kind, when: &str| ErrorDoc { kind, when: when.into() };
    let node_type = NodeType {
        name: "Email".into(),
        aliases: vec![],
        version: "1.0.0".into(),
        category: Category::Network,
        summary: "Sends an e-mail over SMTP.".into(),
        description: DESCRIPTION.into(),
        props: props_schema(),
        outputs: json!({
            "type": "object",
            "properties": {
                "receipt": {
                    "type": "object",
                    "properties": {
                        "messageId": {"type": "string", "description": "The message's id, with its brackets."},
                        "accepted": {"type": "array", "items": {"type": "string"}, "description": "Recipients."},
                        "response": {"type": "string", "description": "What the server said at the end."},
                    },
                    "additionalProperties": false,
                },
            },
            "additionalProperties": false,
        }),
        main_output: Some("receipt".into()),
        errors: vec![
            error(ErrorKind::Input, "an address, the subject or the certificate is not valid, or there is no body"),
            error(ErrorKind::Permission, "the server is not granted; `detail.grant` says what to grant"),
            error(ErrorKind::Connection, "no connection, it broke off, or the server refused for now (4xx)"),
            error(ErrorKind::Timeout, "not finished within `timeout`"),
            error(ErrorKind::User, "the server refused for good (5xx)"),
            error(ErrorKind::Protocol, "no secure connection, or the server does not keep to SMTP"),
        ],
        effects: Effects::Write,
        idempotent: false,
        reads: Reads::Named,
        permissions: "network.tcp".parse::<Permission>().into_iter().collect(),
        children_min: 0,
        children_max: Some(0),
        examples: vec![Example::new(EXAMPLE, Value::Null, json!({"note": "denied"}))],
    };
    BuiltIn { node_type: node_type.into(), run: Run::Async(run) }
}

fn props_schema() -> Value {
    let list = |what: &str| json!({"type": "array", "items": {"type": "string"}, "default": [], "description": what});
    json!({
        "type": "object",
        "properties": {
            "host": {"type": "string", "description": "The SMTP server."},
            "port": {
                "type": "integer", "minimum": 1, "maximum": 65535,
                "description": "Absent: 587 for starttls, 465 for implicit, 25 for none.",
            },
            "tls": {
                "enum": ["starttls", "implicit", "none"], "default": "starttls",
                "description": "How the connection is secured.",
            },
            "ca": {"type": "string", "description": "PEM text of a certificate authority that is trusted besides those of the web."},
            "username": {"type": "string", "description": "Absent: no login."},
            "password": {"type": "string", "description": "Give it as a secret: `${secrets.NAME}`."},
            "from": {"type": "string", "description": "Sender: `a@example.com` or `Name <a@example.com>`."},
            "to": {"type": "array", "items": {"type": "string"}, "minItems": 1, "description": "Recipients."},
            "cc": list("Recipients of a copy."),
            "bcc": list("Recipients of a copy whom the others do not see."),
            "replyTo": {"type": "string", "description": "Where answers go. Absent: to the sender."},
            "subject": {"type": "string", "default": "", "description": "The subject, one line."},
            "text": {"type": "string", "description": "The body as plain text."},
            "html": {"type": "string", "description": "The body as HTML."},
            "timeout": {
                "type": ["integer", "string"], "default": 30000, "minimum": 1, "x-akao-duration": "ms",
                "description": "For the whole delivery, in milliseconds or with a unit.",
            },
            "outputKey": {
                "type": "string", "x-akao-writes": true,
                "description": "Blackboard key that receives `receipt`. Absent: nothing is stored.",
            },
        },
        "required": ["host", "from", "to"],
        "additionalProperties": false,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Props {
    host: String,
    port: Option<u16>,
    #[serde(default)]
    tls: Tls,
    ca: Option<String>,
    username: Option<String>,
    password: Option<String>,
    from: String,
    to: Vec<String>,
    #[serde(default)]
    cc: Vec<String>,
    #[serde(default)]
    bcc: Vec<String>,
    reply_to: Option<String>,
    #[serde(default)]
    subject: String,
    text: Option<String>,
    html: Option<String>,
    #[serde(default = "thirty_seconds", deserialize_with = "outside::duration")]
    timeout: Duration,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Default)]
#[serde(rename_all = "snake_case")]
enum Tls {
    #[default]
    Starttls,
    Implicit,
    None,
}

impl Tls {
    fn default_port(self) -> u16 {
        match self {
            Self::Starttls => 587,
            Self::Implicit => 465,
            Self::None => 25,
        }
    }
}

fn thirty_seconds() -> Duration {
    Duration::from_secs(30)
}

fn run(invocation: Invocation, io: StepIo, ports: Ports) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        tokio::select! {
            biased;
            () = io.cancel.cancelled() => Outcome::cancelled(),
            outcome = email(&invocation, &ports) => outcome.unwrap_or_else(Outcome::failure),
        }
    })
}

async fn email(invocation: &Invocation, ports: &Ports) -> Result<Outcome, StepError> {
    let props: Props = outside::props(invocation)?;
    let message_id = format!("<{}@akao>", invocation.context.idempotency_key.replace(':', "."));
    let message = message(&props, &message_id)?;
    let port = props.port.unwrap_or(props.tls.default_port());
    let delivery = async {
        let reach = ports.egress.reach(&invocation.context.grants, &props.host, port).await;
        let reach = reach.map_err(|error| outside::egress_error(&error))?;
        deliver(&props, &reach, &message).await
    };
    let late = || StepError::new(ErrorKind::Timeout, format!("not sent within {} ms", props.timeout.as_millis()));
    let response = tokio::time::timeout(props.timeout, delivery).await.map_err(|_| late())??;
    let accepted: Vec<String> = message.envelope().to().iter().map(ToString::to_string).collect();
    let receipt = json!({"messageId": message_id, "accepted": accepted, "response": response});
    Ok(Outcome::success().output("receipt", receipt))
}

/// Connects to a checked address, secures the connection, logs in and hands the message over.
async fn deliver(props: &Props, reach: &Reach, message: &Message) -> Result<String, StepError> {
    let tls = if props.tls == Tls::None { None } else { Some(tls_parameters(props, &reach.host)?) };
    let local = reach.addresses.iter().all(|address| address.ip().to_canonical().is_loopback());
    if props.username.is_some() && tls.is_none() && !local {
        return Err(outside::input("a password is not sent without TLS; set `tls` to starttls or implicit"));
    }
    let hello = ClientId::default();
    let connected = if props.tls == Tls::Implicit {
        let (addresses, timeout) = (reach.addresses.as_slice(), Some(props.timeout));
        AsyncSmtpConnection::connect_tokio1(addresses, timeout, &hello, tls.clone(), None).await
    } else {
        let socket = BoundedStream::connect(&reach.addresses).await;
        let socket = socket.map_err(|error| StepError::new(ErrorKind::Connection, error.to_string()))?;
        AsyncSmtpConnection::connect_with_transport(Box::new(socket), &hello).await
    };
    let mut connection = connected.map_err(|error| smtp_error(&error))?;
    if let Some(tls) = tls.filter(|_| props.tls == Tls::Starttls) {
        if !connection.can_starttls() {
            let message = format!("{} does not offer STARTTLS", reach.host);
            return Err(StepError::new(ErrorKind::Protocol, message));
        }
        connection.starttls(tls, &hello).await.map_err(|error| smtp_error(&error))?;
    }
    if let Some(username) = &props.username {
        let credentials = Credentials::new(username.clone(), props.password.clone().unwrap_or_default());
        let login = connection.auth(&[Mechanism::Plain, Mechanism::Login], &credentials).await;
        login.map_err(|error| smtp_error(&error))?;
    }
    let sent = connection.send(message.envelope(), &message.formatted()).await.map_err(|error| smtp_error(&error))?;
    // The message was taken; how the farewell goes does not matter.
    let _ = connection.quit().await;
    Ok(sent.message().collect::<Vec<_>>().join(" "))
}

fn tls_parameters(props: &Props, host: &str) -> Result<TlsParameters, StepError> {
    let mut builder = TlsParameters::builder(host.to_owned());
    if let Some(pem) = &props.ca {
        // The library takes a text without any certificate for an empty list.
        if !pem.contains("-----BEGIN CERTIFICATE-----") {
            return Err(outside::input("`ca` holds no certificate in PEM form"));
        }
        let certificate = Certificate::from_pem(pem.as_bytes());
        builder = builder.add_root_certificate(certificate.map_err(|error| outside::input(format!("`ca`: {error}")))?);
    }
    builder.build_rustls().map_err(|error| outside::input(format!("TLS with `{host}` cannot be set up: {error}")))
}

fn smtp_error(error: &smtp::Error) -> StepError {
    let kind = match error {
        error if error.is_permanent() => ErrorKind::User,
        error if error.is_timeout() => ErrorKind::Timeout,
        error if error.is_tls() || error.is_response() || error.is_client() => ErrorKind::Protocol,
        _ => ErrorKind::Connection,
    };
    StepError::new(kind, error.to_string())
}

fn message(props: &Props, message_id: &str) -> Result<Message, StepError> {
    if props.to.len() + props.cc.len() + props.bcc.len() > RECIPIENTS_MAX {
        return Err(outside::input(format!("there are more than {RECIPIENTS_MAX} recipients")));
    }
    let mut builder = Message::builder().message_id(Some(message_id.to_owned())).from(mailbox("from", &props.from)?);
    builder = recipients(builder, "to", &props.to, MessageBuilder::to)?;
    builder = recipients(builder, "cc", &props.cc, MessageBuilder::cc)?;
    builder = recipients(builder, "bcc", &props.bcc, MessageBuilder::bcc)?;
    if let Some(reply_to) = &props.reply_to {
        builder = builder.reply_to(mailbox("replyTo", reply_to)?);
    }
    if props.subject.chars().any(char::is_control) {
        return Err(outside::input("`subject` holds a line break or another control character"));
    }
    builder = builder.subject(props.subject.clone());
    let built = match (&props.text, &props.html) {
        (Some(text), Some(html)) => builder.multipart(MultiPart::alternative_plain_html(text.clone(), html.clone())),
        (Some(text), None) => builder.singlepart(SinglePart::plain(text.clone())),
        (None, Some(html)) => builder.singlepart(SinglePart::html(html.clone())),
        (None, None) => return Err(outside::input("give `text`, `html` or both")),
    };
    built.map_err(|error| outside::input(format!("the message is not valid: {error}")))
}

fn recipients(
    builder: MessageBuilder,
    field: &str,
    addresses: &[String],
    add: fn(MessageBuilder, Mailbox) -> MessageBuilder,
) -> Result<MessageBuilder, StepError> {
    addresses.iter().try_fold(builder, |builder, address| Ok(add(builder, mailbox(field, address)?)))
}

fn mailbox(field: &str, text: &str) -> Result<Mailbox, StepError> {
    let bad =
        |reason: String| outside::input(format!("`{}` in `{field}` is not an address: {reason}", text.escape_debug()));
    if text.chars().any(char::is_control) {
        return Err(bad("it holds a control character".to_owned()));
    }
    text.parse().map_err(|error: lettre::address::AddressError| bad(error.to_string()))
}
