//! Answers of DNS, read for the name that was asked for and the addresses that it has. They come from a program's memory,
//! so anything may stand in them.

use domain::{
    base::{Message, iana::Rcode},
    rdata::{A, Aaaa},
};
use std::net::IpAddr;

/// Addresses of one answer that are read.
const ADDRESSES_MAX: usize = 64;

/// The name that an answer is for, with its addresses. None when it is no answer, or a failure.
pub(crate) fn answer(message: &[u8]) -> Option<(String, Vec<IpAddr>)> {
    // A message that came by a connection has its length before it; often that was read by itself.
    read(message).or_else(|| read(message.get(2..)?))
}

fn read(bytes: &[u8]) -> Option<(String, Vec<IpAddr>)> {
    let message = Message::from_octets(bytes).ok()?;
    let header = message.header();
    if !header.qr() || header.rcode() != Rcode::NOERROR {
        return None;
    }
    let question = message.sole_question().ok()?;
    let name = question.qname().to_string().trim_end_matches('.').to_ascii_lowercase();
    let answers = message.answer().ok()?;
    let fours = answers.limit_to::<A>().flatten().map(|record| IpAddr::V4(record.data().addr()));
    let sixes = answers.limit_to::<Aaaa>().flatten().map(|record| IpAddr::V6(record.data().addr()));
    let addresses: Vec<IpAddr> = fours.chain(sixes).take(ADDRESSES_MAX).collect();
    (!name.is_empty() && !addresses.is_empty()).then_some((name, addresses))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An answer for `Api.Example.com`: an alias, then an address of the alias.
    fn by_alias() -> Vec<u8> {
        let mut message = vec![0x12, 0x34, 0x81, 0x80, 0, 1, 0, 2, 0, 0, 0, 0];
        message.extend(b"\x03Api\x07Example\x03com\x00\x00\x01\x00\x01");
        message.extend(b"\xc0\x0c\x00\x05\x00\x01\x00\x00\x00\x3c\x00\x06\x03cdn\xc0\x10");
        message.extend(b"\xc0\x2d\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xc0\x00\x02\x01");
        message
    }

    #[test]
    fn the_name_that_was_asked_for_has_the_addresses_of_its_alias() {
        let expected = Some(("api.example.com".to_owned(), vec![IpAddr::from([192, 0, 2, 1])]));
        assert_eq!(answer(&by_alias()), expected);
        let length = [0, u8::try_from(by_alias().len()).unwrap()];
        assert_eq!(answer(&[&length[..], &by_alias()].concat()), expected, "as it comes by a connection");
    }

    #[test]
    fn an_address_of_version_six_is_read() {
        let mut message = vec![0, 1, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0];
        message.extend(b"\x01a\x00\x00\x1c\x00\x01\xc0\x0c\x00\x1c\x00\x01\x00\x00\x00\x3c\x00\x10");
        message.extend([0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(answer(&message), Some(("a".to_owned(), vec!["2001:db8::1".parse().unwrap()])));
    }

    #[test]
    fn what_is_no_answer_says_nothing_and_breaks_nothing() {
        let whole = by_alias();
        for (place, value, what) in [(2, 0x01, "a question"), (3, 0x83, "no such name"), (5, 2, "two questions")] {
            let mut message = whole.clone();
            message[place] = value;
            assert_eq!(answer(&message), None, "{what}");
        }
        for end in 0..whole.len() {
            let _ = answer(&whole[..end]);
        }
        for place in 0..whole.len() {
            for value in [0, 0x7f, 0xc0, 0xff] {
                let mut message = whole.clone();
                message[place] = value;
                let _ = answer(&message);
            }
        }
        // A name that points to itself.
        let mut message = whole;
        message.splice(12..13, [0xc0, 0x0c]);
        assert_eq!(answer(&message), None);
    }
}
