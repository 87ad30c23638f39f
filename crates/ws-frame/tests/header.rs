//! Frame headers: RFC 6455 section 5.2, its examples in section 5.7, and what it forbids.

use proptest::prelude::*;
use ws_frame::{FrameHeader, HeaderDecoder, HeaderError, MaskKey, OpCode, Parse, Rsv};

#[test]
fn rfc_6455_section_5_7_examples() {
    let text = header(true, OpCode::Text, None, 5);
    assert_wire(&text, &[0x81, 0x05]);
    assert_wire(
        &header(true, OpCode::Text, Some(RFC_KEY), 5),
        &[0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d],
    );
    assert_wire(&header(false, OpCode::Text, None, 3), &[0x01, 0x03]);
    assert_wire(&header(true, OpCode::Continuation, None, 2), &[0x80, 0x02]);
    assert_wire(&header(true, OpCode::Ping, None, 5), &[0x89, 0x05]);
    assert_wire(
        &header(true, OpCode::Pong, Some(RFC_KEY), 5),
        &[0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d],
    );
    assert_wire(&header(true, OpCode::Binary, None, 256), &[0x82, 0x7e, 0x01, 0x00]);
    assert_wire(
        &header(true, OpCode::Binary, None, 65536),
        &[0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0],
    );
}

#[test]
fn lengths_at_every_boundary() {
    for (len, size) in [
        (0, 2),
        (1, 2),
        (125, 2),
        (126, 4),
        (127, 4),
        (65535, 4),
        (65536, 10),
        ((1 << 31) - 1, 10),
        (1 << 32, 10),
        ((1 << 63) - 1, 10),
    ] {
        for mask in [None, Some(RFC_KEY)] {
            let header = header(true, OpCode::Binary, mask, len);
            let wire = header.encode().expect("a legal length");
            assert_eq!(wire.len(), size + if mask.is_some() { 4 } else { 0 }, "{len}");
            assert_wire(&header, &wire);
        }
    }
    for len in [1 << 63, u64::MAX] {
        let refused = header(true, OpCode::Binary, None, len).encode();
        assert_eq!(refused, Err(HeaderError::LengthTopBit));
        let mut wire = vec![0x82, 127];
        wire.extend(len.to_be_bytes());
        assert_fails_after(&wire, 3, HeaderError::LengthTopBit);
    }
}

#[test]
fn a_length_in_a_longer_form_is_refused_as_soon_as_it_shows() {
    for len in 0..126u16 {
        let [high, low] = len.to_be_bytes();
        assert_fails_after(&[0x82, 126, high, low], 4, HeaderError::NonMinimalLength);
        assert_fails_after(&[0x82, 0xFE, high, low, 1, 2, 3, 4], 4, HeaderError::NonMinimalLength);
    }
    for len in [0, 1, 125, 126, 127, 256, 65535u64] {
        let mut wire = vec![0x82, 127];
        wire.extend(len.to_be_bytes());
        // Six zeros tell it; the last two bytes can't change it.
        assert_fails_after(&wire, 8, HeaderError::NonMinimalLength);
    }
}

#[test]
fn control_frames_are_whole_and_short() {
    for opcode in (8..16).map(OpCode::from_nibble) {
        assert_wire(&header(true, opcode, None, 125), &[0x80 | opcode.as_u8(), 125]);

        let error = HeaderError::FragmentedControl;
        assert_eq!(header(false, opcode, None, 0).encode(), Err(error));
        assert_fails_after(&[opcode.as_u8(), 0], 1, error);

        let error = HeaderError::OversizedControl;
        for len in [126, 65536, u64::MAX] {
            assert_eq!(header(true, opcode, None, len).encode(), Err(error));
        }
        for marker in [126, 127, 126 | 0x80, 127 | 0x80] {
            assert_fails_after(&[0x80 | opcode.as_u8(), marker], 2, error);
        }
    }
}

#[test]
fn every_first_two_bytes_give_a_header_a_need_or_an_error() {
    for first in 0..=255u8 {
        for second in 0..=255u8 {
            let opcode = OpCode::from_nibble(first);
            let control = opcode.is_control();
            let marker = second & 0x7F;
            let size =
                2 + match marker {
                    126 => 2,
                    127 => 8,
                    _ => 0,
                } + if second & 0x80 != 0 { 4 } else { 0 };
            let found = FrameHeader::parse(&[first, second]);
            if control && first & 0x80 == 0 {
                assert_eq!(found, Err(HeaderError::FragmentedControl));
            } else if control && marker > 125 {
                assert_eq!(found, Err(HeaderError::OversizedControl));
            } else if size > 2 {
                assert_eq!(found, Ok(Parse::Need(size)));
            } else {
                let header = FrameHeader {
                    fin: first & 0x80 != 0,
                    rsv: Rsv::from_bits(first >> 4),
                    opcode,
                    mask: None,
                    payload_len: u64::from(marker),
                };
                assert_eq!(found, Ok(Parse::Done { header, used: 2 }));
            }
        }
    }
}

#[test]
fn need_tells_what_is_known_so_far() {
    assert_eq!(FrameHeader::parse(&[]), Ok(Parse::Need(2)));
    assert_eq!(FrameHeader::parse(&[0x81]), Ok(Parse::Need(2)));
    assert_eq!(FrameHeader::parse(&[0x81, 0x80, 1, 2, 3]), Ok(Parse::Need(6)));
    assert_eq!(FrameHeader::parse(&[0x81, 0xFE, 1]), Ok(Parse::Need(8)));
    assert_eq!(FrameHeader::parse(&[0x81, 0xFF, 0, 1]), Ok(Parse::Need(14)));
}

#[test]
fn decoder_takes_a_header_split_at_any_two_bytes() {
    for header in samples() {
        let mut wire = header.encode().expect("a sample is legal").to_vec();
        let size = wire.len();
        wire.extend(b"payload");
        for a in 0..=wire.len() {
            for b in a..=wire.len() {
                let mut decoder = HeaderDecoder::default();
                let mut found = None;
                let mut rest = Vec::new();
                for mut piece in [&wire[..a], &wire[a..b], &wire[b..]] {
                    if found.is_none() {
                        found = decoder.decode(&mut piece).expect("legal");
                    }
                    rest.extend_from_slice(piece);
                }
                assert_eq!(found, Some(header), "split at {a} and {b}");
                assert_eq!(rest, &wire[size..], "split at {a} and {b}");
                assert!(decoder.is_empty());
            }
        }
    }
}

#[test]
fn decoder_goes_from_header_to_header() {
    let headers = samples();
    let wire: Vec<u8> = headers
        .iter()
        .flat_map(|header| header.encode().expect("a sample is legal").to_vec())
        .collect();
    for size in 1..=wire.len() {
        let mut decoder = HeaderDecoder::default();
        let mut found = Vec::new();
        for mut piece in wire.chunks(size) {
            while let Some(header) = decoder.decode(&mut piece).expect("legal") {
                found.push(header);
            }
            assert!(piece.is_empty(), "without a header all input is taken");
        }
        assert_eq!(found, headers, "in pieces of {size}");
    }
}

#[test]
fn decoder_repeats_its_error() {
    for size in [1, 2, 10] {
        let mut decoder = HeaderDecoder::default();
        let wire = [0x82, 0x7E, 0, 1, 0x82, 0x00, 0x82, 0x00];
        let errors = wire
            .chunks(size)
            .filter_map(|mut piece| decoder.decode(&mut piece).err());
        let errors: Vec<_> = errors.collect();
        assert!(!errors.is_empty());
        assert!(errors.iter().all(|error| *error == HeaderError::NonMinimalLength));
        assert!(decoder.decode(&mut &[0x82, 0x00][..]).is_err());
    }
}

#[test]
fn decoder_and_header_are_small() {
    assert!(size_of::<HeaderDecoder>() <= 16);
    assert!(size_of::<FrameHeader>() <= 24);
}

#[test]
fn opcodes_and_reserved_bits() {
    for bits in 0..=255u8 {
        let opcode = OpCode::from_nibble(bits);
        assert_eq!(opcode.as_u8(), bits & 0x0F);
        assert_eq!(opcode.is_control(), bits & 0x0F >= 8);
        let known = [0, 1, 2, 8, 9, 10].contains(&(bits & 0x0F));
        assert_eq!(opcode.is_reserved(), !known);
        assert_eq!(Rsv::from_bits(bits).bits(), bits & 0b111);
    }
    let two = Rsv::RSV1 | Rsv::RSV3;
    assert_eq!(two.bits(), 0b101);
    assert!(two.contains(Rsv::RSV1) && two.contains(Rsv::RSV3) && two.contains(Rsv::NONE));
    assert!(!two.contains(Rsv::RSV2) && !two.contains(Rsv::RSV1 | Rsv::RSV2));
    assert!(Rsv::NONE.is_empty() && !Rsv::RSV2.is_empty());
    assert_wire(
        &FrameHeader {
            rsv: Rsv::RSV1,
            ..header(true, OpCode::Text, None, 0)
        },
        &[0xC1, 0x00],
    );
}

#[test]
fn errors_say_what_is_wrong() {
    for (error, word) in [
        (HeaderError::NonMinimalLength, "shortest"),
        (HeaderError::LengthTopBit, "highest bit"),
        (HeaderError::FragmentedControl, "fragmented"),
        (HeaderError::OversizedControl, "125"),
    ] {
        assert!(error.to_string().contains(word), "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn encode_then_parse_is_the_identity(header in any_header(), tail in any::<[u8; 3]>()) {
        let encoded = header.encode().expect("a legal header");
        let used = encoded.len();
        prop_assert!(used <= FrameHeader::MAX_LEN);
        let mut wire = encoded.to_vec();
        wire.extend(tail);
        prop_assert_eq!(FrameHeader::parse(&wire), Ok(Parse::Done { header, used }));
        for len in 0..used {
            let Ok(Parse::Need(need)) = FrameHeader::parse(&wire[..len]) else {
                panic!("not complete at {len}");
            };
            prop_assert!(len < need && need <= used);
        }
    }

    #[test]
    fn what_parses_encodes_to_the_same_bytes(wire in any::<[u8; 14]>()) {
        if let Ok(Parse::Done { header, used }) = FrameHeader::parse(&wire) {
            let encoded = header.encode().expect("as legal as it was");
            prop_assert_eq!(encoded.as_slice(), &wire[..used]);
        }
    }

    #[test]
    fn decoder_agrees_with_parse_on_any_bytes(
        wire in proptest::collection::vec(any::<u8>(), 0..20),
        cut in 0..20usize,
    ) {
        let (left, right) = wire.split_at(cut.min(wire.len()));
        let mut decoder = HeaderDecoder::default();
        let mut found = decoder.decode(&mut &left[..]);
        if found == Ok(None) {
            found = decoder.decode(&mut &right[..]);
        }
        let whole = FrameHeader::parse(&wire).map(|parse| match parse {
            Parse::Done { header, .. } => Some(header),
            Parse::Need(_) => None,
        });
        prop_assert_eq!(found, whole);
    }
}

fn any_header() -> impl Strategy<Value = FrameHeader> {
    let len = (any::<u64>(), 1..64u32).prop_map(|(len, shift)| len >> shift);
    (any::<bool>(), 0..8u8, 0..16u8, any::<Option<[u8; 4]>>(), len).prop_map(|(fin, rsv, opcode, key, len)| {
        let opcode = OpCode::from_nibble(opcode);
        let control = opcode.is_control();
        FrameHeader {
            fin: fin || control,
            rsv: Rsv::from_bits(rsv),
            opcode,
            mask: key.map(MaskKey::new),
            payload_len: if control { len % 126 } else { len },
        }
    })
}

/// One header of every size.
fn samples() -> Vec<FrameHeader> {
    let lens = [5, 300, 70_000];
    let both = lens.map(|len| [None, Some(RFC_KEY)].map(|mask| (mask, len)));
    both.into_iter()
        .flatten()
        .map(|(mask, len)| header(false, OpCode::Binary, mask, len))
        .chain([header(true, OpCode::Ping, Some(RFC_KEY), 125)])
        .collect()
}

fn header(fin: bool, opcode: OpCode, mask: Option<MaskKey>, payload_len: u64) -> FrameHeader {
    FrameHeader {
        fin,
        rsv: Rsv::NONE,
        opcode,
        mask,
        payload_len,
    }
}

fn assert_wire(header: &FrameHeader, wire: &[u8]) {
    let encoded = header.encode().expect("a legal header");
    assert_eq!(encoded.as_slice(), wire);
    let used = wire.len();
    let header = *header;
    assert_eq!(FrameHeader::parse(wire), Ok(Parse::Done { header, used }));
}

/// `wire` must fail with its first `at` bytes, and not with fewer.
fn assert_fails_after(wire: &[u8], at: usize, error: HeaderError) {
    for len in 0..=wire.len() {
        let found = FrameHeader::parse(&wire[..len]);
        if len < at {
            assert!(matches!(found, Ok(Parse::Need(_))), "{len} of {wire:x?}");
        } else {
            assert_eq!(found, Err(error), "{len} of {wire:x?}");
        }
    }
    let mut decoder = HeaderDecoder::default();
    let bytes = wire.chunks(1).map(|mut byte| decoder.decode(&mut byte));
    let first = bytes.collect::<Vec<_>>().iter().position(Result::is_err);
    assert_eq!(first, Some(at - 1), "{wire:x?}");
}

const RFC_KEY: MaskKey = MaskKey::new([0x37, 0xfa, 0x21, 0x3d]);
