//! Any bytes: reading never panics, and what is read is written and read back as the same value.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(node) = akao_yaml::load_bytes(bytes, &akao_yaml::Budget::default()) else { return };
    let value = node.into_value();
    let text = akao_yaml::to_string(&value);
    assert_eq!(akao_yaml::to_value(&text).as_ref(), Ok(&value), "{text}");
});
