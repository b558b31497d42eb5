//! Any text as each of the small languages of names: addresses, places, durations, permissions, ids, digests, tenants. What
//! is read is printed and read back the same.

#![no_main]

use akao_contract::{
    Address, BareNumber, BlobRef, Digest, ExecutionId, Permission, Tenant, format_duration_ms, parse_duration_ms,
};
use akao_flow::Place;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use std::{fmt, str::FromStr};

fuzz_target!(|text: &str| {
    comes_back::<Address>(text);
    comes_back::<Place>(text);
    comes_back::<Permission>(text);
    comes_back::<ExecutionId>(text);
    comes_back::<Digest>(text);
    comes_back::<Tenant>(text);
    for bare in [BareNumber::Milliseconds, BareNumber::Seconds] {
        if let Ok(ms) = parse_duration_ms(text, bare) {
            let printed = format_duration_ms(ms);
            assert_eq!(parse_duration_ms(&printed, BareNumber::Milliseconds), Ok(ms), "{text} became {printed}");
        }
    }
    if let Ok(permission) = text.parse::<Permission>() {
        let _ = akao_host::check_grant(&permission);
    }
    if let Ok(value) = serde_json::from_str::<Value>(text)
        && let Some(blob) = BlobRef::from_value(&value)
    {
        assert_eq!(BlobRef::from_value(&blob.to_value()), Some(blob));
    }
});

fn comes_back<T: FromStr + fmt::Display + PartialEq + fmt::Debug>(text: &str)
where
    T::Err: fmt::Debug + fmt::Display,
{
    match text.parse::<T>() {
        Ok(read) => assert_eq!(read.to_string().parse::<T>().as_ref().ok(), Some(&read), "{text} became {read}"),
        Err(error) => drop(error.to_string()),
    }
}
