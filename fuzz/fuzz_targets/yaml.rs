//! Any bytes: reading never panics, problems lie inside the text, and what is read is written and read back as the same
//! value.
#![no_main]

use akao_fuzz::assert_inside;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    match akao_yaml::load_bytes(bytes, &akao_yaml::Budget::default()) {
        Ok(node) => {
            let value = node.into_value();
            let text = akao_yaml::to_string(&value);
            assert_eq!(akao_yaml::to_value(&text).as_ref(), Ok(&value), "{text}");
        }
        Err(error) => {
            let text = String::from_utf8_lossy(bytes);
            assert_inside(&text, error.position.line, error.position.column, &error.message);
            assert!(error.message.len() < 300, "{error}");
        }
    }
});
