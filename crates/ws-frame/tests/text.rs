//! `Utf8Buf` and `Utf8Bytes`: what they call text is text, whatever is done to them.
#![cfg(feature = "alloc")]

#[cfg(feature = "bytes")]
use bytes::BufMut;
use proptest::prelude::*;
use ws_frame::MaskKey;
use ws_frame::utf8::Utf8Buf;

#[test]
fn new_allocates_nothing() {
    const EMPTY: Utf8Buf = Utf8Buf::new();
    let buf = EMPTY;
    assert_eq!((buf.len(), buf.capacity()), (0, 0));
    assert!(buf.is_empty());
    assert_eq!((buf.as_bytes(), buf.checked()), (&b""[..], ""));
    assert_eq!(buf.into_string(), Ok(String::new()));
}

#[test]
fn reads_straight_in_unmasks_checks_and_becomes_a_string() {
    let key = MaskKey::new([1, 2, 3, 4]);
    let text = "gr\u{fc}\u{df}e \u{1F44B} ".repeat(10);
    let mut wire = text.clone().into_bytes();
    key.apply(&mut wire);

    let mut buf = Utf8Buf::new();
    for piece in wire.chunks(7) {
        let phase = buf.len();
        buf.spare(16)[..piece.len()].copy_from_slice(piece);
        buf.commit(piece.len());
        key.rotated(phase).apply(buf.tail_mut(piece.len()));
        buf.check().expect("text so far");
        // All but a begun character is checked.
        assert!(buf.len() - buf.checked().len() < 4);
        assert!(text.starts_with(buf.checked()));
    }
    assert_eq!(buf.as_bytes(), text.as_bytes());
    assert_eq!(buf.into_string(), Ok(text));
}

#[test]
fn spare_room_is_exact_zeroed_once_and_kept() {
    let mut buf = Utf8Buf::new();
    buf.extend_from_slice(b"abc");
    let spare = buf.spare(5);
    assert_eq!(spare, [0; 5]);
    spare.copy_from_slice(b"defgh");
    buf.commit(2);
    assert_eq!(buf.as_bytes(), b"abcde");
    assert_eq!(buf.spare(4), *b"fgh\0", "what was written is not zeroed again");
    assert_eq!(buf.spare(0), []);
    assert_eq!(buf.len(), 5, "room is not content");
}

#[cfg(feature = "bytes")]
#[test]
fn room_that_is_not_initialised_becomes_content_by_what_is_written() {
    let mut buf = Utf8Buf::new();
    buf.spare(2).copy_from_slice(b"??");
    let mut spare = buf.spare_mut(5);
    assert_eq!((spare.remaining_mut(), spare.chunk_mut().len()), (5, 5));
    spare.put_slice(b"abc");
    assert_eq!(spare.remaining_mut(), 2);
    assert!(buf.is_empty(), "room is not content");
    buf.commit(2);
    assert_eq!(buf.spare(2), *b"c\0", "what was written is kept");
    assert_eq!(buf.into_vec(), b"ab");
}

#[cfg(feature = "bytes")]
#[test]
#[should_panic(expected = "spare room")]
fn no_more_is_committed_than_was_written() {
    let mut buf = Utf8Buf::new();
    buf.spare_mut(100).put_slice(b"abc");
    buf.commit(4);
}

#[cfg(feature = "bytes")]
#[test]
#[should_panic]
fn no_more_is_written_than_there_is_room() {
    let mut buf = Utf8Buf::new();
    buf.reserve_exact(100);
    buf.spare_mut(3).put_slice(b"abcd");
}

#[test]
fn appending_overwrites_the_room() {
    let mut buf = Utf8Buf::new();
    buf.spare(4).copy_from_slice(b"????");
    buf.extend_from_slice(b"ab");
    assert_eq!(buf.as_bytes(), b"ab");
    buf.extend_from_slice(b"cdefgh");
    assert_eq!(buf.as_bytes(), b"abcdefgh");
    buf.extend_from_slice(b"");
    assert_eq!(buf.into_vec(), b"abcdefgh");
}

#[test]
fn reserve_exact_counts_from_the_content() {
    let mut buf = Utf8Buf::new();
    buf.reserve_exact(100);
    assert_eq!(buf.capacity(), 100);
    buf.spare(60);
    buf.reserve_exact(100);
    assert_eq!(buf.capacity(), 100, "room counts as room");
    buf.extend_from_slice(&[b'x'; 100]);
    assert_eq!(buf.capacity(), 100);
    buf.reserve_exact(28);
    assert_eq!(buf.capacity(), 128);
}

#[test]
fn a_begun_character_is_no_error_but_no_text_either() {
    let mut buf = Utf8Buf::new();
    buf.extend_from_slice(b"a\xE2\x82");
    assert_eq!(buf.check(), Ok(()));
    assert_eq!(buf.check(), Ok(()), "twice is as once");
    assert_eq!(buf.checked(), "a");
    assert_eq!(buf.clone().into_string(), Err(b"a\xE2\x82".to_vec()));
    buf.extend_from_slice(b"\xAC!");
    assert_eq!(buf.check(), Ok(()));
    assert_eq!(buf.into_string().as_deref(), Ok("a\u{20AC}!"));
}

#[test]
fn a_bad_byte_is_told_from_the_start_of_the_content() {
    let mut buf = Utf8Buf::new();
    buf.extend_from_slice(b"abc");
    buf.check().expect("text");
    buf.extend_from_slice(b"de\xED\xA0");
    assert_eq!(buf.check().expect_err("a surrogate").valid_up_to(), 5);
    assert_eq!(buf.checked(), "abcde");
    assert_eq!(buf.check().expect_err("still").valid_up_to(), 5);
    assert_eq!(buf.into_string(), Err(b"abcde\xED\xA0".to_vec()));
}

#[test]
fn unchecked_content_becomes_no_string() {
    let mut buf = Utf8Buf::new();
    buf.extend_from_slice(b"fine, but nobody looked");
    let bytes = buf.into_string().expect_err("not checked");
    assert_eq!(bytes, b"fine, but nobody looked");
}

#[test]
fn clear_forgets_the_content_and_its_check() {
    let mut buf = Utf8Buf::new();
    buf.extend_from_slice("\u{20AC}uro".as_bytes());
    buf.check().expect("text");
    let capacity = buf.capacity();
    buf.clear();
    assert!(buf.is_empty());
    assert_eq!(buf.checked(), "");
    assert_eq!(buf.capacity(), capacity);
    buf.spare(2).copy_from_slice(&[0xFF, 0xFE]);
    buf.commit(2);
    assert_eq!(buf.checked(), "");
    assert_eq!(buf.into_string(), Err(vec![0xFF, 0xFE]));
}

#[test]
#[should_panic(expected = "checked text")]
fn checked_text_can_not_be_written() {
    let mut buf = Utf8Buf::new();
    buf.extend_from_slice(b"abc");
    buf.check().expect("text");
    buf.extend_from_slice(b"de");
    assert_eq!(buf.tail_mut(2), b"de");
    buf.tail_mut(3);
}

#[test]
#[should_panic(expected = "checked text")]
fn the_tail_is_no_longer_than_the_content() {
    let mut buf = Utf8Buf::new();
    buf.extend_from_slice(b"abc");
    buf.tail_mut(4);
}

#[test]
#[should_panic(expected = "spare room")]
fn no_more_is_committed_than_there_is_room() {
    let mut buf = Utf8Buf::new();
    buf.reserve_exact(100);
    buf.spare(3);
    buf.commit(4);
}

#[test]
fn debug_shows_no_content() {
    let mut buf = Utf8Buf::new();
    buf.extend_from_slice(b"secret");
    let shown = format!("{buf:?}");
    assert!(shown.contains("len: 6") && !shown.contains("secret"), "{shown}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any order of calls leaves what a plain `Vec<u8>` would hold, and calls only text text.
    #[test]
    fn any_calls_keep_the_promise(calls in prop::collection::vec(any_call(), 0..40)) {
        let mut buf = Utf8Buf::new();
        let mut model = Vec::new();
        for call in calls {
            match call {
                Call::Extend(bytes) => {
                    buf.extend_from_slice(&bytes);
                    model.extend(bytes);
                }
                Call::ExtendMasked(bytes) => {
                    let mut masked = bytes.clone();
                    KEY.apply(&mut masked);
                    buf.extend_masked(KEY, &masked);
                    model.extend(bytes);
                }
                Call::SpareMut(bytes, commit) => {
                    #[cfg(feature = "bytes")]
                    buf.spare_mut(bytes.len() + commit).put_slice(&bytes);
                    #[cfg(not(feature = "bytes"))]
                    buf.spare(bytes.len()).copy_from_slice(&bytes);
                    let commit = commit.min(bytes.len());
                    buf.commit(commit);
                    model.extend(&bytes[..commit]);
                }
                Call::Spare(bytes, commit) => {
                    buf.spare(bytes.len()).copy_from_slice(&bytes);
                    let commit = commit.min(bytes.len());
                    buf.commit(commit);
                    model.extend(&bytes[..commit]);
                }
                Call::Mask(len) => {
                    let key = MaskKey::new([0, 0x40, 0, 0]);
                    let len = len.min(buf.len() - buf.checked().len());
                    key.apply(buf.tail_mut(len));
                    let start = model.len() - len;
                    key.apply(&mut model[start..]);
                }
                Call::Check => {
                    let oracle = std::str::from_utf8(&model);
                    let valid = oracle.map_or_else(|e| e.valid_up_to(), str::len);
                    let bad = oracle.is_err_and(|e| e.error_len().is_some());
                    let found = buf.check();
                    prop_assert_eq!(found.is_err(), bad);
                    prop_assert_eq!(buf.checked().len(), valid);
                    prop_assert!(found.is_ok_and(|()| true) || found.unwrap_err().valid_up_to() == valid);
                }
                Call::Reserve(len) => buf.reserve_exact(len),
                Call::Clear => {
                    buf.clear();
                    model.clear();
                }
            }
            prop_assert_eq!(buf.as_bytes(), &model[..]);
            prop_assert!(std::str::from_utf8(buf.checked().as_bytes()).is_ok());
        }
        let whole = buf.checked().len() == buf.len();
        prop_assert_eq!(buf.clone().into_string().is_ok(), whole);
        prop_assert_eq!(buf.into_vec(), model);
    }
}

const KEY: MaskKey = MaskKey::new([1, 0xE2, 0, 4]);

#[derive(Clone, Debug)]
enum Call {
    Extend(Vec<u8>),
    ExtendMasked(Vec<u8>),
    Spare(Vec<u8>, usize),
    SpareMut(Vec<u8>, usize),
    Mask(usize),
    Check,
    Reserve(usize),
    Clear,
}

fn any_call() -> impl Strategy<Value = Call> {
    let content = || {
        prop_oneof![
            6 => ".{0,12}".prop_map(String::into_bytes),
            1 => prop::collection::vec(any::<u8>(), 0..4),
        ]
    };
    prop_oneof![
        4 => content().prop_map(Call::Extend),
        2 => content().prop_map(Call::ExtendMasked),
        2 => (content(), 0..20usize).prop_map(|(bytes, commit)| Call::SpareMut(bytes, commit)),
        4 => (content(), 0..20usize).prop_map(|(bytes, commit)| Call::Spare(bytes, commit)),
        1 => (0..8usize).prop_map(Call::Mask),
        4 => Just(Call::Check),
        1 => (0..40usize).prop_map(Call::Reserve),
        1 => Just(Call::Clear),
    ]
}

#[cfg(feature = "bytes")]
mod shared {
    use std::collections::HashSet;

    use bytes::Bytes;
    use ws_frame::Utf8Bytes;

    #[test]
    fn takes_only_text() {
        let text = Utf8Bytes::try_from(Bytes::from_static("h\u{e9}".as_bytes())).expect("text");
        assert_eq!(text.as_str(), "h\u{e9}");
        assert_eq!(Utf8Bytes::try_from(b"ok".to_vec()).expect("text"), "ok");
        for bad in [&b"ab\xFF"[..], b"ab\xE2\x82"] {
            let error = Utf8Bytes::try_from(bad.to_vec()).expect_err("not text");
            assert_eq!(error.valid_up_to(), 2);
            assert!(Utf8Bytes::try_from(Bytes::from_static(bad)).is_err());
        }
    }

    #[test]
    fn shares_and_takes_over_memory() {
        let owned = String::from("a string of its own");
        let at = owned.as_ptr();
        let text = Utf8Bytes::from(owned);
        let clone = text.clone();
        assert_eq!((text.as_ptr(), clone.as_ptr()), (at, at));
        assert_eq!(text.as_bytes().as_ptr(), at);
        assert_eq!(clone.into_bytes().as_ptr(), at);

        let borrowed = "borrowed";
        assert_ne!(Utf8Bytes::from(borrowed).as_ptr(), borrowed.as_ptr());
        const STATIC: Utf8Bytes = Utf8Bytes::from_static("static");
        assert_eq!(Bytes::from(STATIC), Bytes::from_static(b"static"));
    }

    #[test]
    fn is_a_string_to_all_who_look() {
        let text = Utf8Bytes::from("text");
        assert_eq!(text, *"text");
        assert_eq!(text, "text");
        assert_eq!(text.len(), 4);
        assert_eq!(AsRef::<str>::as_ref(&text), "text");
        assert_eq!(AsRef::<[u8]>::as_ref(&text), b"text");
        assert_eq!(text.to_string(), "text");
        assert_eq!(format!("{text:>6}"), "  text");
        assert_eq!(format!("{text:?}"), "\"text\"");
        let longer = Utf8Bytes::from("texts");
        assert!(text < longer);
        assert_eq!(Utf8Bytes::default(), "");
        assert!(HashSet::from([text.clone()]).contains(&text));
    }

    #[test]
    fn debug_shows_no_long_text() {
        let text = Utf8Bytes::from("\u{20AC}".repeat(100));
        let shown = format!("{text:?}");
        assert!(shown.ends_with("(300 bytes)"), "{shown}");
        assert!(shown.len() < 90, "{shown}");
    }
}
