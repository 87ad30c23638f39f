//! UTF-8 validation (RFC 3629, RFC 6455 section 8.1), whole and in pieces.

use proptest::prelude::*;
use ws_frame::utf8::{Validator, validate};

/// With the next test this is exact: every character passes, and not one string more.
#[test]
fn every_character_passes_byte_by_byte() {
    for character in '\0'..=char::MAX {
        let mut bytes = [0; 4];
        let bytes = character.encode_utf8(&mut bytes).as_bytes();
        let mut validator = Validator::default();
        for (index, byte) in bytes.iter().enumerate() {
            assert!(validator.push(&[*byte]).is_ok(), "{character:?}");
            assert_eq!(validator.is_complete(), index + 1 == bytes.len());
        }
        assert_eq!(validator.finish(), Ok(()));
    }
}

/// Walks all strings byte by byte as long as they are within their first character, and counts
/// what is let through. The counts come from the encoder, not from another validator.
#[test]
fn nothing_else_passes() {
    // In the order of characters all that begin alike stand together.
    let mut expected_begun = 0;
    let mut previous = Vec::new();
    for character in '\0'..=char::MAX {
        let mut bytes = [0; 4];
        let bytes = character.encode_utf8(&mut bytes).as_bytes();
        let fresh = |len: &usize| previous.get(..*len) != Some(&bytes[..*len]);
        expected_begun += (1..bytes.len()).filter(fresh).count();
        previous.clear();
        previous.extend_from_slice(bytes);
    }

    let mut whole_count = 0;
    let mut begun_count = 0;
    let mut open = vec![Validator::default()];
    while let Some(before) = open.pop() {
        for byte in 0..=255 {
            let mut validator = before;
            if validator.push(&[byte]).is_ok() {
                if validator.is_complete() {
                    whole_count += 1;
                } else {
                    begun_count += 1;
                    open.push(validator);
                }
            }
        }
    }
    assert_eq!(whole_count, ('\0'..=char::MAX).count());
    assert_eq!(begun_count, expected_begun);
}

#[test]
fn all_strings_of_three_bytes_agree_with_the_standard_library() {
    // One byte of each class that RFC 3629 tells apart, and its neighbours, in each place.
    let classes = [
        0x00, 0x61, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE,
        0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xF8, 0xFE, 0xFF,
    ];
    for a in 0..=255 {
        for b in 0..=255 {
            assert_agrees(&[a, b]);
            for c in classes {
                assert_agrees(&[a, b, c]);
            }
        }
    }
}

#[test]
fn fails_at_the_first_byte_that_tells() {
    for (good, bad) in [
        (&b"caf"[..], 0xC0),                     // overlong, always
        (b"", 0xC1),                             // overlong, always
        (b"a", 0x80),                            // a continuation of nothing
        (b"", 0xF5),                             // above U+10FFFF, always
        (b"", 0xFF),                             // never in UTF-8
        (b"\xE0", 0x9F),                         // overlong
        (b"\xF0", 0x8F),                         // overlong
        (b"\xED", 0xA0),                         // a surrogate
        (b"\xED", 0xBF),                         // a surrogate
        (b"\xF4", 0x90),                         // above U+10FFFF
        (b"\xE2\x82", 0x41),                     // cut short
        (b"\xF0\x9F\x91", 0xF0),                 // cut short
        (b"\xC3", 0xC3),                         // cut short
        (b"\xF4\x8F\xBF\xBF\xEF\xBF\xBF", 0xBF), // one too many
    ] {
        let mut validator = Validator::default();
        for byte in good {
            assert_eq!(validator.push(&[*byte]), Ok(()), "{good:x?}");
        }
        assert!(validator.push(&[bad]).is_err(), "{good:x?} {bad:x}");
        // The same inside one push, whatever follows.
        let bytes = [good, &[bad, b'x', b'y', b'z']].concat();
        assert!(Validator::default().push(&bytes[..=good.len()]).is_err());
        assert!(Validator::default().push(&bytes).is_err());
    }
}

#[test]
fn every_split_of_tricky_text_agrees() {
    for text in TRICKY {
        let bytes = text.as_bytes();
        for a in 0..=bytes.len() {
            for b in a..=bytes.len() {
                let mut validator = Validator::default();
                for piece in [&bytes[..a], &bytes[a..b], &bytes[b..]] {
                    assert_eq!(validator.push(piece), Ok(()), "{text:?} at {a}, {b}");
                }
                assert_eq!(validator.finish(), Ok(()));

                let mut validator = Validator::default();
                validator.push(&bytes[..a]).expect("a prefix is valid");
                assert_eq!(validator.is_complete(), text.is_char_boundary(a));
            }
        }
    }
}

#[test]
fn an_error_counts_the_whole_characters_of_its_call() {
    let mut validator = Validator::default();
    validator.push(b"before \xE2").expect("begun");
    let error = validator.push(b"\x82\xACabc\xFFdef").expect_err("bad");
    assert_eq!(error.valid_up_to(), 5);

    let mut validator = Validator::default();
    validator.push(b"before \xE2").expect("begun");
    let error = validator.push(b"\x82abc").expect_err("cut short");
    assert_eq!(error.valid_up_to(), 0, "the character began in an earlier call");
    assert!(error.to_string().contains("invalid UTF-8"));
}

#[test]
fn a_broken_text_stays_broken_until_reset() {
    let mut validator = Validator::default();
    assert!(validator.push(b"\xFF").is_err());
    assert!(!validator.is_complete());
    assert!(validator.push(b"fine").is_err());
    assert!(validator.push(b"").is_err());
    assert!(validator.finish().is_err());
    assert_eq!(validator.push(b"fine"), Ok(()), "finish begins anew");

    assert!(validator.push(b"\xFF").is_err());
    validator.reset();
    assert!(validator.is_complete());
    assert_eq!(validator.push(b"fine"), Ok(()));
}

#[test]
fn a_text_must_not_end_within_a_character() {
    for bytes in [&b"\xC3"[..], b"ok \xE2\x82", b"\xF0\x9F\x91"] {
        let mut validator = Validator::default();
        assert_eq!(validator.push(bytes), Ok(()));
        assert!(validator.finish().is_err());
        assert!(validator.is_complete(), "ready for the next text");
        assert!(validate(bytes).is_err());
    }
    assert_eq!(Validator::default().finish(), Ok(()));
}

#[test]
fn long_text_with_one_bad_byte_anywhere() {
    for fill in ["a", "é", "€", "\u{1F44B}"] {
        let text = fill.repeat(400 / fill.len());
        assert_eq!(validate(text.as_bytes()), Ok(&*text));
        for at in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] = 0xFF;
            assert_agrees(&bytes);
            assert_agrees(&bytes[..at]);
        }
    }
}

#[test]
fn a_validator_is_small() {
    assert!(size_of::<Validator>() <= 8);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_pieces_agree_with_the_whole(pieces in pieces()) {
        let whole = pieces.concat();
        assert_agrees(&whole);

        let mut validator = Validator::default();
        let mut taken = 0;
        for piece in &pieces {
            if validator.push(piece).is_err() {
                break;
            }
            taken += piece.len();
        }
        // Byte by byte it fails in the same piece, or not at all.
        let first_bad = first_bad_byte(&whole);
        let in_piece = first_bad.map(|at| {
            let mut start = 0;
            for piece in &pieces {
                if at < start + piece.len() {
                    break;
                }
                start += piece.len();
            }
            start
        });
        prop_assert_eq!(taken, in_piece.unwrap_or(whole.len()));
    }
}

/// Random bytes are hardly ever valid for long, so most pieces are text, some cut or soiled.
fn pieces() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let piece = prop_oneof![
        4 => ".{0,40}".prop_map(String::into_bytes),
        2 => (".{1,80}", any::<prop::sample::Index>()).prop_map(|(text, cut)| {
            let mut bytes = text.into_bytes();
            bytes.truncate(cut.index(bytes.len()));
            bytes
        }),
        1 => prop::collection::vec(0x80..=0xFFu8, 0..4),
    ];
    prop::collection::vec(piece, 0..6)
}

/// Both ways to validate, against the standard library.
fn assert_agrees(bytes: &[u8]) {
    let oracle = std::str::from_utf8(bytes);
    let valid_up_to = oracle.map_err(|error| error.valid_up_to());
    assert_eq!(validate(bytes).map_err(|e| e.valid_up_to()), valid_up_to, "{bytes:x?}");

    let may_go_on = oracle.map_or_else(|error| error.error_len().is_none(), |_| true);
    let mut validator = Validator::default();
    let pushed = validator.push(bytes);
    assert_eq!(pushed.is_ok(), may_go_on, "{bytes:x?}");
    if let Err(error) = pushed {
        assert_eq!(Err(error.valid_up_to()), valid_up_to.map(|_| ()), "{bytes:x?}");
    }
    assert_eq!(validator.finish().is_ok(), oracle.is_ok(), "{bytes:x?}");
}

fn first_bad_byte(bytes: &[u8]) -> Option<usize> {
    let mut validator = Validator::default();
    bytes.iter().position(|byte| validator.push(&[*byte]).is_err())
}

/// The first and last of each length, the edges of the surrogates, and long text.
const TRICKY: [&str; 6] = [
    "",
    "\u{0}\u{7F}\u{80}\u{7FF}\u{800}\u{FFFF}\u{10000}\u{10FFFF}",
    "\u{D7FF}\u{E000}\u{FEFF}\u{FFFD}\u{FFFE}",
    "\u{1F468}\u{200D}\u{1F469}\u{200D}\u{1F466} e\u{301}",
    "Hello-\u{b5}@\u{df}\u{f6}\u{e4}\u{fc}\u{e0}\u{e1}-UTF-8!!",
    "\u{4E2D}\u{6587}\u{3001}\u{65E5}\u{672C}\u{8A9E}\u{3001}\u{D55C}\u{AD6D}\u{C5B4} \
     \u{4E2D}\u{6587}\u{3001}\u{65E5}\u{672C}\u{8A9E}\u{3001}\u{D55C}\u{AD6D}\u{C5B4}",
];
