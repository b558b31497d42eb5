//! The name server's answers, as a function of the bytes that a node sent. Nothing is forwarded to anybody, so a query
//! carries nothing out.
//!
//! | asked | answer |
//! |---|---|
//! | A of a name that the policy knows | its address in this sandbox |
//! | any other type of such a name | no error, no records |
//! | any other name | NXDOMAIN |
//! | not exactly one question, or one that cannot be read | FORMERR |
//! | another opcode or class | NOTIMP, REFUSED |
//! | a name server that is not the sandbox's own | REFUSED |
//! | less than a header, or an answer | nothing |
//!
//! Only the header and the first question are read; what follows them is not looked at.

use crate::{
    audit::{Reason, Verdict},
    names::{NAME_SERVER, Names},
    policy::Policy,
};
use akao_address::is_plain_name;
use domain::{
    base::{
        Message, MessageBuilder, ParsedName, Question, ToName,
        iana::{Class, Opcode, Rcode, Rtype},
    },
    rdata::A,
};
use std::net::{IpAddr, Ipv4Addr};

/// Longest query that is read. Queries with every extension in use stay far below it.
pub(crate) const QUERY_BYTES_MAX: usize = 1232;

/// How long a program may keep an answer. Addresses stay as long as the sandbox does.
const TTL_SECONDS: u32 = 60;

/// An answer, and what to tell about it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) bytes: Vec<u8>,
    pub(crate) target: String,
    pub(crate) verdict: Verdict,
    pub(crate) reason: Reason,
}

/// What a question comes to.
struct Finding {
    code: Rcode,
    address: Option<Ipv4Addr>,
    verdict: Verdict,
    reason: Reason,
}

impl Finding {
    fn denied(code: Rcode, reason: Reason) -> Self {
        Self { code, address: None, verdict: Verdict::Denied, reason }
    }

    fn allowed(address: Option<Ipv4Addr>) -> Self {
        Self { code: Rcode::NOERROR, address, verdict: Verdict::Allowed, reason: Reason::Granted }
    }
}

/// The answer to a query that was sent to the name server at `server`, or nothing when it deserves none.
pub(crate) fn answer(query: &[u8], server: IpAddr, policy: &Policy, names: &Names) -> Option<Reply> {
    let message = Message::from_slice(query).ok()?;
    // Answering answers would let two of these talk to each other for ever.
    if message.header().qr() {
        return None;
    }
    let question = message.sole_question().ok();
    let target = question.as_ref().map(|question| question.qname().to_string()).unwrap_or_default();
    let found = match &question {
        _ if !is_own(server) => Finding::denied(Rcode::REFUSED, Reason::OtherNameServer),
        _ if message.header().opcode() != Opcode::QUERY => Finding::denied(Rcode::NOTIMP, Reason::Malformed),
        None => Finding::denied(Rcode::FORMERR, Reason::Malformed),
        Some(question) => find(question, policy, names),
    };
    let bytes = write(message, question.as_ref(), &found)?;
    Some(Reply { bytes, target, verdict: found.verdict, reason: found.reason })
}

/// Programs without a configured name server ask their own machine, so the loopback addresses count too.
fn is_own(server: IpAddr) -> bool {
    let server = akao_address::canonical(server);
    server == IpAddr::V4(NAME_SERVER) || server.is_loopback()
}

fn find(question: &Question<ParsedName<&[u8]>>, policy: &Policy, names: &Names) -> Finding {
    if question.qclass() != Class::IN {
        return Finding::denied(Rcode::REFUSED, Reason::Malformed);
    }
    let Some(name) = host_name(question.qname()) else {
        return Finding::denied(Rcode::NXDOMAIN, Reason::Malformed);
    };
    if !policy.knows_name(&name) {
        return Finding::denied(Rcode::NXDOMAIN, Reason::NotGranted);
    }
    if question.qtype() != Rtype::A {
        return Finding::allowed(None);
    }
    match names.address(&name) {
        Some(address) => Finding::allowed(Some(address)),
        None => Finding::denied(Rcode::REFUSED, Reason::TooManyNames),
    }
}

/// The name in the one form that policies know, when its labels are such as hosts have. A dot or an escape within a label
/// is not taken for anything else.
fn host_name(name: &ParsedName<&[u8]>) -> Option<String> {
    let mut text = String::new();
    for label in name.iter().filter(|label| !label.is_root()) {
        let label = std::str::from_utf8(label.as_slice()).ok().filter(|label| !label.contains('.'))?;
        if !text.is_empty() {
            text.push('.');
        }
        text.push_str(label);
    }
    text.make_ascii_lowercase();
    is_plain_name(&text).then_some(text)
}

fn write(message: &Message<[u8]>, question: Option<&Question<ParsedName<&[u8]>>>, found: &Finding) -> Option<Vec<u8>> {
    let mut builder = MessageBuilder::new_vec();
    let header = builder.header_mut();
    header.set_id(message.header().id());
    header.set_qr(true);
    header.set_opcode(message.header().opcode());
    header.set_rd(message.header().rd());
    header.set_ra(true);
    header.set_rcode(found.code);
    let mut builder = builder.question();
    if let Some(question) = question {
        builder.push(question).ok()?;
    }
    let mut builder = builder.answer();
    if let (Some(question), Some(address)) = (question, found.address) {
        let owner = question.qname().to_vec();
        builder.push((owner, Class::IN, TTL_SECONDS, A::new(address))).ok()?;
    }
    Some(builder.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::PolicySpec;
    use proptest::prelude::*;

    fn policy() -> Policy {
        Policy::new(&PolicySpec { allow: vec!["api.example".into(), "*.wild.example".into()], ..Default::default() })
            .unwrap()
    }

    fn query(flags: u16, questions: u16, body: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0xab, 0xcd];
        for word in [flags, questions, 0, 0, 0] {
            bytes.extend(word.to_be_bytes());
        }
        bytes.extend(body);
        bytes
    }

    fn code(query: &[u8]) -> Option<u8> {
        let reply = answer(query, NAME_SERVER.into(), &policy(), &Names::new(4))?;
        assert_eq!(reply.bytes[..2], query[..2]);
        Some(reply.bytes[3] & 15)
    }

    const API: &[u8] = b"\x03api\x07example\x00\x00\x01\x00\x01";

    #[test]
    fn hostile_messages_are_answered_shortly_or_not_at_all() {
        let long_name = [&[63u8; 64][..], &[63; 64], &[63; 64], &[63; 64], b"\x00\x00\x01\x00\x01"].concat();
        for (what, bytes, expected) in [
            ("a plain query", query(0x0100, 1, API), Some(0)),
            ("nothing", vec![], None),
            ("half a header", vec![0; 11], None),
            ("an answer", query(0x8100, 1, API), None),
            ("another opcode", query(0x2800, 1, API), Some(4)),
            ("no question", query(0x0100, 0, API), Some(1)),
            ("two questions", query(0x0100, 2, &[API, API].concat()), Some(1)),
            ("a question that ends early", query(0x0100, 1, &API[..API.len() - 1]), Some(1)),
            ("a name that points at itself", query(0x0100, 1, b"\xc0\x0c\x00\x01\x00\x01"), Some(1)),
            ("a name that points ahead", query(0x0100, 1, b"\xc0\x20\x00\x01\x00\x01"), Some(1)),
            ("a name that points into the header", query(0x0100, 1, b"\xc0\x04\x00\x01\x00\x01"), Some(3)),
            ("a label of an unknown kind", query(0x0100, 1, b"\x80api\x00\x00\x01\x00\x01"), Some(1)),
            ("a name of 256 bytes", query(0x0100, 1, &long_name), Some(1)),
            ("another class", query(0x0100, 1, b"\x03api\x07example\x00\x00\x01\x00\x03"), Some(5)),
            ("a transfer", query(0x0100, 1, b"\x03api\x07example\x00\x00\xfc\x00\x01"), Some(0)),
            ("rubbish behind the question", query(0x0100, 1, &[API, &[0xff; 900]].concat()), Some(0)),
        ] {
            assert_eq!(code(&bytes), expected, "{what}");
        }
    }

    #[test]
    fn an_answer_holds_the_question_as_it_was_asked() {
        let asked = query(0x0100, 1, b"\x03aPi\x07EXAMPLE\x00\x00\x01\x00\x01");
        let reply = answer(&asked, NAME_SERVER.into(), &policy(), &Names::new(4)).unwrap();
        assert_eq!(reply.bytes[12..29], asked[12..29]);
        assert_eq!(reply.bytes[reply.bytes.len() - 4..], [198, 18, 0, 2]);
        assert_eq!((reply.verdict, reply.reason), (Verdict::Allowed, Reason::Granted));
    }

    proptest! {
        /// Whatever comes, the answer is short, is an answer to that query, and names no address of a name that the
        /// policy does not know.
        #[test]
        fn any_bytes_are_answered_within_bounds(
            mut bytes in proptest::collection::vec(any::<u8>(), 0..QUERY_BYTES_MAX),
            like_a_query: bool,
        ) {
            if like_a_query && bytes.len() >= 12 {
                bytes[2..12].copy_from_slice(&[1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
            }
            let names = Names::new(4);
            if let Some(reply) = answer(&bytes, NAME_SERVER.into(), &policy(), &names) {
                prop_assert!(reply.bytes.len() <= 12 + 255 + 4 + 255 + 14, "{} bytes", reply.bytes.len());
                prop_assert_eq!(&reply.bytes[..2], &bytes[..2]);
                prop_assert!(reply.bytes[2] & 0x80 != 0);
                prop_assert!(reply.reason != Reason::Granted);
            }
            prop_assert!(names.name(Ipv4Addr::new(198, 18, 0, 2)).is_none());
        }

        /// Names made of the pieces that tricks are made of get an address exactly when the policy knows them.
        #[test]
        fn only_known_names_get_an_address(
            labels in proptest::collection::vec("(api|API|wild|example|evil|xn--a|%65|127|[a.\\-_é\0]{1,3})", 0..6),
        ) {
            let mut body = Vec::new();
            for label in &labels {
                body.push(label.len() as u8);
                body.extend(label.as_bytes());
            }
            body.extend(b"\x00\x00\x01\x00\x01");
            let reply = answer(&query(0x0100, 1, &body), NAME_SERVER.into(), &policy(), &Names::new(4)).unwrap();
            let dotted = labels.iter().any(|label| label.contains('.'));
            let name = labels.join(".").to_ascii_lowercase();
            let known = !dotted && is_plain_name(&name) && (name == "api.example" || name.ends_with(".wild.example"));
            prop_assert_eq!(reply.bytes[7] == 1, known, "{:?}", labels);
        }
    }
}
