//! Any codec and any stored bytes: the reader's decoder answers with a body or an error, within its memory bound, and
//! whatever it accepts goes through the writer's encoder and comes back the same.

#![no_main]

use akao_journal::{BODY_BYTES_MAX, decode_body, encode_body};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (i64, &[u8])| {
    // Two low bits choose among the known codecs most of the time.
    let codec = if input.0 % 8 == 0 { input.0 } else { input.0.rem_euclid(2) };
    if let Ok(body) = decode_body(codec, input.1) {
        assert!(body.len() <= BODY_BYTES_MAX);
        let (codec, stored) = encode_body(&body);
        assert_eq!(decode_body(codec.into(), &stored).as_deref(), Ok(&body[..]));
    }
});
