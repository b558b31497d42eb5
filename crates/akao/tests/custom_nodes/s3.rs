//! A store that speaks the protocol of S3 as far as the node does, and takes no request whose signature is not right. The
//! signature is worked out from the request as it came, by another library than the node's.

use crate::standin::{Reply, Sent};
use aws_lc_rs::{digest, hmac};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    sync::Mutex,
};

/// The key that requests are signed with.
pub(crate) const KEY: &str = "AKIAIOSFODNN7EXAMPLE";

/// One bucket.
pub(crate) struct Store {
    bucket: String,
    region: String,
    secret: String,
    objects: Mutex<BTreeMap<String, Object>>,
}

#[derive(Clone)]
struct Object {
    bytes: Vec<u8>,
    headers: String,
}

impl Store {
    pub(crate) fn new(bucket: &str, region: &str, secret: &str) -> Self {
        let [bucket, region, secret] = [bucket, region, secret].map(str::to_owned);
        Self { bucket, region, secret, objects: Mutex::default() }
    }

    pub(crate) fn answer(&self, sent: &Sent) -> Reply {
        let (path, query) = sent.path.split_once('?').unwrap_or((&sent.path, ""));
        let (bucket, key) = path.trim_start_matches('/').split_once('/').unwrap_or((path, ""));
        match self.verify(sent) {
            Err(refused) => return refused,
            Ok(()) if bucket != self.bucket => return refusal(404, "NoSuchBucket", ""),
            Ok(()) => {}
        }
        let (key, mut objects) = (decoded(key), self.objects.lock().expect("no test panics here"));
        match (sent.method.as_str(), key.as_str()) {
            ("GET", "") => (200, "content-type: application/xml\r\n".to_owned(), list(&objects, query).into_bytes()),
            ("GET", key) => match objects.get(key) {
                Some(object) => (200, object.headers.clone(), object.bytes.clone()),
                None => refusal(404, "NoSuchKey", ""),
            },
            ("PUT", key) => {
                let object = Object { bytes: sent.bytes.clone(), headers: kept_headers(sent) };
                let etag = format!("etag: {}\r\n", etag(&object.bytes));
                objects.insert(key.to_owned(), object);
                (200, etag, Vec::new())
            }
            ("DELETE", key) => {
                objects.remove(key);
                (204, String::new(), Vec::new())
            }
            _ => refusal(405, "MethodNotAllowed", ""),
        }
    }

    /// Holds the signature of a request against the one that it must have.
    fn verify(&self, sent: &Sent) -> Result<(), Reply> {
        let denied = |code: &str| refusal(403, code, "");
        let stated =
            sent.header("authorization").strip_prefix("AWS4-HMAC-SHA256 ").ok_or_else(|| denied("AccessDenied"))?;
        let parts: BTreeMap<&str, &str> = stated.split(", ").filter_map(|part| part.split_once('=')).collect();
        let part = |name: &str| parts.get(name).copied().unwrap_or_default();
        let credential: Vec<&str> = part("Credential").split('/').collect();
        let [key, day, region, "s3", "aws4_request"] = credential[..] else { return Err(denied("AccessDenied")) };
        if region != self.region {
            let told = format!("x-amz-bucket-region: {}\r\n", self.region);
            return Err(refusal(400, "AuthorizationHeaderMalformed", &told));
        }
        let time = sent.header("x-amz-date");
        let names: BTreeSet<&str> = part("SignedHeaders").split(';').collect();
        let must = ["host", "x-amz-content-sha256", "x-amz-date"].into_iter().chain(
            sent.headers
                .keys()
                .map(String::as_str)
                .filter(|name| name.starts_with("x-amz-") || *name == "content-type"),
        );
        let is_whole = must.into_iter().all(|name| names.contains(name));
        let hash = hex(digest::digest(&digest::SHA256, &sent.bytes).as_ref());
        if key != KEY || !is_whole || !time.starts_with(day) || sent.header("x-amz-content-sha256") != hash {
            return Err(denied("AccessDenied"));
        }
        let signature = signature(sent, &names, &self.secret, (day, region));
        (signature == part("Signature")).then_some(()).ok_or_else(|| denied("SignatureDoesNotMatch"))
    }
}

/// The signature that a request must have.
fn signature(sent: &Sent, names: &BTreeSet<&str>, secret: &str, (day, region): (&str, &str)) -> String {
    let (path, query) = sent.path.split_once('?').unwrap_or((&sent.path, ""));
    let mut pairs: Vec<&str> = query.split('&').filter(|pair| !pair.is_empty()).collect();
    pairs.sort_unstable();
    let mut canonical = format!("{}\n{path}\n{}\n", sent.method, pairs.join("&"));
    for name in names {
        let _ = writeln!(canonical, "{name}:{}", sent.header(name));
    }
    let listed = names.iter().copied().collect::<Vec<_>>().join(";");
    let _ = write!(canonical, "\n{listed}\n{}", sent.header("x-amz-content-sha256"));
    let hash = hex(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref());
    let text = format!("AWS4-HMAC-SHA256\n{}\n{day}/{region}/s3/aws4_request\n{hash}", sent.header("x-amz-date"));
    let mac =
        |key: &[u8], text: &str| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec();
    let key = [day, region, "s3", "aws4_request"]
        .iter()
        .fold(format!("AWS4{secret}").into_bytes(), |key, part| mac(&key, part));
    hex(&mac(&key, &text))
}

/// What a list of the bucket answers, after its `prefix`, `delimiter`, `max-keys` and `continuation-token`.
fn list(objects: &BTreeMap<String, Object>, query: &str) -> String {
    let pairs: BTreeMap<&str, String> =
        query.split('&').filter_map(|pair| pair.split_once('=')).map(|(name, value)| (name, decoded(value))).collect();
    let pair = |name: &str| pairs.get(name).map_or("", String::as_str);
    assert_eq!((pair("list-type"), pair("encoding-type")), ("2", "url"));
    let most: usize = pair("max-keys").parse().expect("a number");
    let (mut xml, mut prefixes, mut count, mut last) = (String::new(), BTreeSet::new(), 0, "");
    let wanted =
        objects.iter().filter(|(key, _)| key.starts_with(pair("prefix")) && key.as_str() > pair("continuation-token"));
    for (key, object) in wanted {
        let rest = &key[pair("prefix").len()..];
        if let Some(at) = rest.find(pair("delimiter")).filter(|_| !pair("delimiter").is_empty()) {
            prefixes.insert(&key[..pair("prefix").len() + at + 1]);
            continue;
        }
        if count == most {
            let _ = write!(xml, "<NextContinuationToken>{last}</NextContinuationToken>");
            break;
        }
        (count, last) = (count + 1, key.as_str());
        let (key, size, etag) = (encoded(key), object.bytes.len(), etag(&object.bytes).replace('"', "&quot;"));
        let _ = write!(xml, "<Contents><Key>{key}</Key><Size>{size}</Size><ETag>{etag}</ETag></Contents>");
    }
    for prefix in prefixes {
        let _ = write!(xml, "<CommonPrefixes><Prefix>{}</Prefix></CommonPrefixes>", encoded(prefix));
    }
    format!("<?xml version=\"1.0\"?><ListBucketResult><EncodingType>url</EncodingType>{xml}</ListBucketResult>")
}

fn kept_headers(sent: &Sent) -> String {
    let kept = |name: &str| name.starts_with("x-amz-meta-") || name == "content-type";
    let lines = sent.headers.iter().filter(|(name, _)| kept(name)).map(|(name, value)| format!("{name}: {value}\r\n"));
    lines.chain([format!("etag: {}\r\n", etag(&sent.bytes))]).collect()
}

fn etag(bytes: &[u8]) -> String {
    format!("\"{}\"", &hex(digest::digest(&digest::SHA256, bytes).as_ref())[..32])
}

fn refusal(status: u16, code: &str, headers: &str) -> Reply {
    (status, headers.to_owned(), format!("<Error><Code>{code}</Code><Message>no</Message></Error>").into_bytes())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Text that was encoded by percent signs.
fn decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let [first, after @ ..] = rest {
        let code = after.get(..2).filter(|_| *first == b'%').and_then(|code| std::str::from_utf8(code).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).expect("UTF-8")
}

/// Text as lists of S3 encode it: a space is a plus.
fn encoded(text: &str) -> String {
    let one = |byte: u8| match byte {
        b' ' => "+".to_owned(),
        byte if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(one).collect()
}

#[test]
fn the_signature_is_that_of_amazons_own_example() {
    let empty = hex(digest::digest(&digest::SHA256, b"").as_ref());
    let headers = [
        ("host", "examplebucket.s3.amazonaws.com"),
        ("x-amz-content-sha256", &empty),
        ("x-amz-date", "20130524T000000Z"),
    ];
    let sent = Sent {
        method: "GET".to_owned(),
        path: "/?max-keys=2&prefix=J".to_owned(),
        headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        body: String::new(),
        bytes: Vec::new(),
    };
    let names = headers.iter().map(|(name, _)| *name).collect();
    let made = signature(&sent, &names, "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", ("20130524", "us-east-1"));
    assert_eq!(made, "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}
