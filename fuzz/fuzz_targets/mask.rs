//! Every way to mask does what RFC 6455 section 5.3 says, from any phase, at any alignment, and touches nothing beside.

#![no_main]

use libfuzzer_sys::fuzz_target;
use ws_frame::MaskKey;

fuzz_target!(|input: ([u8; 4], u8, u8, Vec<u8>)| {
    let (key, at, cut, data) = input;
    let expected: Vec<u8> = data.iter().enumerate().map(|(i, byte)| byte ^ key[i % 4]).collect();
    let key = MaskKey::new(key);
    let at = usize::from(at);

    let mut room = vec![0xa5; at + data.len() + 64];
    room[at..at + data.len()].copy_from_slice(&data);
    let cut = usize::from(cut).min(data.len());
    let (left, right) = room[at..at + data.len()].split_at_mut(cut);
    key.apply(left);
    key.rotated(cut).apply(right);
    assert_eq!(room[at..at + data.len()], expected);
    assert!(
        room[..at]
            .iter()
            .chain(&room[at + data.len()..])
            .all(|byte| *byte == 0xa5)
    );

    let mut copy = vec![0; data.len()];
    key.apply_to(&data, &mut copy);
    assert_eq!(copy, expected);

    let mut appended = vec![0xa5; at];
    key.append_masked(&data, &mut appended);
    assert!(appended[..at].iter().all(|byte| *byte == 0xa5));
    assert_eq!(appended[at..], expected);
});
