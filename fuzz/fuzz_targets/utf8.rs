//! Text is valid when std says so, whole or in two parts.

#![no_main]

use libfuzzer_sys::fuzz_target;
use ws_frame::utf8::{Validator, validate};

fuzz_target!(|bytes: &[u8]| {
    let valid = std::str::from_utf8(bytes).is_ok();
    assert_eq!(validate(bytes).is_ok(), valid);
    let cut = bytes.first().map_or(0, |first| usize::from(*first) % bytes.len());
    let mut validator = Validator::default();
    let parts = validator
        .push(&bytes[..cut])
        .and_then(|()| validator.push(&bytes[cut..]));
    assert_eq!(parts.is_ok() && validator.is_complete(), valid);
});
