//! Signed messages, in and out: Standard Webhooks (`webhook-id`, `webhook-timestamp`, `webhook-signature`), and the header that
//! GitHub sends. A signature is compared in constant time.

use crate::{Code, Error, secret};
use akao_step::Secret;
use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::STANDARD};

/// What a secret of Standard Webhooks begins with; the rest is the key in base 64.
const SECRET_PREFIX: &str = "whsec_";

/// How far a message's time may be from ours, in seconds.
pub(crate) const TOLERANCE_S: i64 = 300;

/// Signatures that are tried of one header.
const SIGNATURES_MAX: usize = 8;

/// Longest id of a message, in bytes.
const ID_BYTES_MAX: usize = 128;

/// A new secret of Standard Webhooks.
pub(crate) fn new_secret() -> Result<Secret, Error> {
    let bytes = [secret::random_bits()?.to_ne_bytes(), secret::random_bits()?.to_ne_bytes()].concat();
    Ok(Secret::new(format!("{SECRET_PREFIX}{}", STANDARD.encode(bytes))))
}

/// The key of a secret: what follows the prefix, or the text itself where it has none.
fn key(secret: &Secret) -> hmac::Key {
    let text = secret.expose();
    let decoded = text.strip_prefix(SECRET_PREFIX).and_then(|encoded| STANDARD.decode(encoded).ok());
    hmac::Key::new(hmac::HMAC_SHA256, decoded.as_deref().unwrap_or(text.as_bytes()))
}

fn signed(id: &str, timestamp: &str, body: &[u8]) -> Vec<u8> {
    [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat()
}

/// The header `webhook-signature` of a message, with a signature for each secret.
pub(crate) fn sign(secrets: &[Secret], id: &str, timestamp: &str, body: &[u8]) -> String {
    let message = signed(id, timestamp, body);
    let one = |secret: &Secret| format!("v1,{}", STANDARD.encode(hmac::sign(&key(secret), &message)));
    secrets.iter().map(one).collect::<Vec<_>>().join(" ")
}

/// A message whose signature fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Signed {
    /// Its id, which its sender keeps when it sends it again.
    pub(crate) id: String,
    /// When it was sent, as its sender says; the same id with the same stamp is a copy.
    pub(crate) stamp: String,
}

fn refused() -> Error {
    Error::new(Code::Unauthenticated, "the message is not signed by a secret of this hook")
}

/// Checks a message of Standard Webhooks.
pub(crate) fn check_standard(
    secrets: &[Secret],
    header: impl Fn(&str) -> Option<String>,
    body: &[u8],
    now_ms: i64,
) -> Result<Signed, Error> {
    let needed = |name: &str| {
        header(name).ok_or_else(|| Error::new(Code::Unauthenticated, format!("the header `{name}` is missing")))
    };
    let (id, stamp, signatures) = (needed("webhook-id")?, needed("webhook-timestamp")?, needed("webhook-signature")?);
    if id.is_empty() || id.len() > ID_BYTES_MAX {
        return Err(refused());
    }
    let given = signatures.split(' ').filter_map(|signature| signature.strip_prefix("v1,"));
    let given: Vec<Vec<u8>> = given.take(SIGNATURES_MAX).filter_map(|text| STANDARD.decode(text).ok()).collect();
    let message = signed(&id, &stamp, body);
    let fits = |secret: &Secret| given.iter().any(|tag| hmac::verify(&key(secret), &message, tag).is_ok());
    if !secrets.iter().any(fits) {
        return Err(refused());
    }
    let apart = stamp.parse::<i64>().ok().and_then(|sent| sent.checked_sub(now_ms.div_euclid(1_000)));
    match apart {
        Some(apart) if apart.unsigned_abs() <= TOLERANCE_S.unsigned_abs() => Ok(Signed { id, stamp }),
        _ => Err(Error::new(Code::Unauthenticated, format!("the message was not sent within {TOLERANCE_S} s of now"))
            .hint("Look at the clocks, and sign a message when it is sent.")),
    }
}

/// Checks a message as GitHub signs it. There is no time in it: its signature is its id, so that the same body counts once.
pub(crate) fn check_github(
    secrets: &[Secret],
    header: impl Fn(&str) -> Option<String>,
    body: &[u8],
) -> Result<Signed, Error> {
    let given = header("x-hub-signature-256")
        .ok_or_else(|| Error::new(Code::Unauthenticated, "the header `X-Hub-Signature-256` is missing"))?;
    let tag = given.strip_prefix("sha256=").and_then(from_hex).ok_or_else(refused)?;
    let fits = |secret: &Secret| {
        hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes()), body, &tag).is_ok()
    };
    match secrets.iter().any(fits) {
        true => Ok(Signed { id: secret::hex(&tag), stamp: String::new() }),
        false => Err(refused()),
    }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let bytes = text.as_bytes();
    if !bytes.len().is_multiple_of(2) || !bytes.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    bytes.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: i64 = 1_614_265_330_000;

    fn headers(pairs: &'static [(&'static str, &'static str)]) -> impl Fn(&str) -> Option<String> {
        move |name: &str| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    }

    /// The example of the specification of Standard Webhooks.
    #[test]
    fn the_example_of_the_specification_fits() {
        let secret = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let body = br#"{"test": 2432232314}"#;
        let own = std::slice::from_ref(&secret);
        let signature = sign(own, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", body);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        let given = headers(&[
            ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
            ("webhook-timestamp", "1614265330"),
            ("webhook-signature", "v1,AAAA v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
        ]);
        let check = |secrets: &[Secret], body: &[u8], now_ms| check_standard(secrets, &given, body, now_ms);
        assert_eq!(check(own, body, NOW_MS).unwrap().stamp, "1614265330");
        assert!(check(&[new_secret().unwrap(), secret.clone()], body, NOW_MS).is_ok(), "either secret counts");
        assert!(check(own, b"{}", NOW_MS).is_err(), "another body");
        assert!(check(&[new_secret().unwrap()], body, NOW_MS).is_err(), "another secret");
        assert!(check(own, body, NOW_MS + 301_000).is_err(), "too late");
        assert!(check(own, body, NOW_MS - 301_000).is_err(), "too early");
    }

    /// The example of GitHub's documentation.
    #[test]
    fn the_example_of_github_fits() {
        let secrets = [Secret::new("It's a Secret to Everybody")];
        let given = headers(&[(
            "x-hub-signature-256",
            "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
        )]);
        assert!(check_github(&secrets, &given, b"Hello, World!").is_ok());
        assert!(check_github(&secrets, &given, b"Hello, World?").is_err());
        assert!(check_github(&secrets, headers(&[("x-hub-signature-256", "sha256=zz")]), b"").is_err());
        assert!(check_github(&secrets, headers(&[]), b"").is_err());
    }
}
