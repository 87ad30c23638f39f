//! Whatever parses as a header is written back as the same bytes, and any split parses alike.

#![no_main]

use libfuzzer_sys::fuzz_target;
use ws_frame::{FrameHeader, HeaderDecoder, Parse};

fuzz_target!(|bytes: &[u8]| {
    let parsed = FrameHeader::parse(bytes);
    if let Ok(Parse::Done { header, used }) = parsed {
        assert_eq!(header.encode().unwrap().as_slice(), &bytes[..used]);
    }
    let mut decoder = HeaderDecoder::default();
    let mut stepwise = Ok(None);
    for byte in bytes {
        stepwise = decoder.decode(&mut &[*byte][..]);
        if !matches!(stepwise, Ok(None)) {
            break;
        }
    }
    match parsed {
        Ok(Parse::Done { header, .. }) => assert_eq!(stepwise, Ok(Some(header))),
        Ok(Parse::Need(_)) => assert_eq!(stepwise, Ok(None)),
        Err(error) => assert_eq!(stepwise, Err(error)),
    }
});
