//! The kinds of faults that servers and clients of this protocol have had, and the tests that hold ours free of each.

use std::fs;
use std::path::Path;

use crate::cases;
use crate::shells::Shell;
use crate::solo;

/// A kind of fault.
struct Class {
    number: usize,
    what: &'static str,
    /// Tests: of this suite by their names, of others as `FILE::NAME`.
    held_by: &'static [&'static str],
}

/// Every number is there, and every test.
pub(crate) fn every_class_is_held() {
    let numbers: Vec<_> = CLASSES.iter().map(|class| class.number).collect();
    let expected: Vec<_> = (1..=37).collect();
    assert_eq!(numbers, expected);
    let mut missing = Vec::new();
    for class in CLASSES {
        assert!(!class.held_by.is_empty(), "{}", class.what);
        let lost = class.held_by.iter().filter(|test| !exists(test));
        missing.extend(lost.map(|test| format!("{}. {}: {test}", class.number, class.what)));
    }
    assert!(missing.is_empty(), "no such tests:\n{}", missing.join("\n"));
}

fn exists(test: &str) -> bool {
    let Some((place, name)) = test.rsplit_once("::") else {
        return false;
    };
    match place {
        "server" => cases::against_servers().iter().any(|case| case.name == name),
        "client" => Shell::ALL
            .into_iter()
            .all(|shell| cases::against_clients(shell).iter().any(|case| case.name == name)),
        "solo" => solo::all(Shell::Tokio).iter().any(|(known, _)| *known == name),
        file => {
            let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
            let text = fs::read_to_string(root.join(file)).unwrap_or_default();
            text.contains(&format!("fn {name}("))
        }
    }
}

const CLASSES: &[Class] = &[
    Class {
        number: 1,
        what: "arithmetic on a length of 64 bits overflows, and a limit is passed by",
        held_by: &[
            "server::lengths_beyond_any_limit",
            "server::lengths_that_wrap_with_what_has_come",
            "crates/ws-proto/src/tests/fragments.rs::huge_lengths_never_wrap",
            "crates/ws-proto/src/receive/partial.rs::the_largest_limits_do_not_wrap",
        ],
    },
    Class {
        number: 2,
        what: "a length with its highest bit set traps",
        held_by: &[
            "server::lengths_that_are_none",
            "crates/ws-frame/tests/header.rs::lengths_at_every_boundary",
            "crates/ws-frame/tests/header.rs::decoder_agrees_with_parse_on_any_bytes",
        ],
    },
    Class {
        number: 3,
        what: "a header that nobody thought of ends the program",
        held_by: &[
            "crates/ws-frame/tests/header.rs::every_first_two_bytes_give_a_header_a_need_or_an_error",
            "crates/ws-proto/src/tests/splits.rs::no_bytes_panic_or_spin",
        ],
    },
    Class {
        number: 4,
        what: "a sum with a peer's length wraps, and memory beyond the buffer is touched",
        held_by: &[
            "crates/ws-proto/src/tests/fragments.rs::huge_lengths_never_wrap",
            "crates/ws-proto/src/tests/direct.rs::the_window_never_reaches_beyond_the_frame",
            "server::lengths_that_wrap_with_what_has_come",
        ],
    },
    Class {
        number: 5,
        what: "lengths of the protocol's drafts have no end",
        held_by: &["crates/ws-proto/src/handshake/tests/request.rs::each_lack_has_its_error_and_status"],
    },
    Class {
        number: 6,
        what: "a frame is looked at for ever, without taking a byte of it",
        held_by: &["crates/ws-proto/src/tests/splits.rs::no_bytes_panic_or_spin"],
    },
    Class {
        number: 7,
        what: "memory is set aside for a length that was only declared",
        held_by: &[
            "server::the_longest_frames_without_their_payload",
            "crates/ws-proto/src/tests/hostile.rs::nothing_is_allocated_from_a_declared_length",
            "crates/ws-proto/src/handshake/tests/body.rs::a_declared_length_sets_nothing_aside",
        ],
    },
    Class {
        number: 8,
        what: "a limit is looked at when the frame is complete, and every read costs an object",
        held_by: &[
            "server::a_long_frame_byte_by_byte",
            "server::lengths_beyond_any_limit",
            "crates/ws-proto/src/receive/partial.rs::a_peer_that_sends_little_costs_little",
        ],
    },
    Class {
        number: 9,
        what: "fragments without end",
        held_by: &["server::fragments_without_end"],
    },
    Class {
        number: 10,
        what: "frames have a limit, and messages have none",
        held_by: &[
            "server::more_fragments_than_allowed",
            "crates/ws-proto/src/tests/fragments.rs::the_message_limit_holds_over_all_frames",
        ],
    },
    Class {
        number: 11,
        what: "fragments are kept one by one, the empty ones too, and are not counted",
        held_by: &[
            "server::a_million_fragments_of_one_byte",
            "server::a_million_empty_fragments",
            "server::more_fragments_than_allowed",
            "server::more_empty_fragments_than_allowed",
            "crates/ws-proto/src/receive/partial.rs::small_fragments_do_not_move_the_message_each_time",
        ],
    },
    Class {
        number: 12,
        what: "the same in a client",
        held_by: &[
            "client::fragments_from_a_server",
            "client::empty_fragments_from_a_server",
        ],
    },
    Class {
        number: 13,
        what: "a message is held to its limit before it is unpacked, and not after",
        held_by: &[
            "server::a_bomb_with_a_context",
            "server::a_bomb_without_context",
            "client::a_bomb_from_a_server",
            "crates/ws-proto/src/deflate/tests/hostile.rs::a_bomb_in_one_frame_stops_at_the_limit",
        ],
    },
    Class {
        number: 14,
        what: "the same in fragments, in chunks, and over several messages with one window",
        held_by: &[
            "server::a_bomb_in_fragments",
            "examples/tests/bomb.rs::a_gigabyte_of_zeros_stops_at_the_limit",
            "crates/ws-proto/src/deflate/tests/hostile.rs::a_bomb_in_fragments_stops_at_the_limit",
            "crates/ws-proto/src/deflate/tests/hostile.rs::a_bomb_in_chunks_stops_at_the_limit",
            "crates/ws-proto/src/deflate/tests/hostile.rs::a_bomb_spread_over_messages_is_held_message_by_message",
        ],
    },
    Class {
        number: 15,
        what: "parameters out of their range are taken, and end the program later",
        held_by: &[
            "crates/ws-proto/src/deflate/tests/negotiation.rs::what_is_not_valid_is_declined_by_a_server_and_failed_by_a_client",
        ],
    },
    Class {
        number: 16,
        what: "a message is unpacked though compression was not agreed on",
        held_by: &[
            "server::compressed_without_having_agreed",
            "client::compressed_without_having_offered",
        ],
    },
    Class {
        number: 17,
        what: "an answer with extensions that were not offered, or twice, overruns a table",
        held_by: &[
            "client::an_extension_nobody_offered",
            "crates/ws-proto/src/deflate/tests/negotiation.rs::a_client_takes_nothing_that_it_did_not_offer",
        ],
    },
    Class {
        number: 18,
        what: "a header of extensions costs the square of its length",
        held_by: &["crates/ws-proto/src/tests/extensions.rs::a_long_header_is_linear_work"],
    },
    Class {
        number: 19,
        what: "a header of subprotocols costs the square of its length",
        held_by: &["crates/ws-proto/src/handshake/tests/limits.rs::token_lists_are_read_once_through"],
    },
    Class {
        number: 20,
        what: "headers beyond their limit are dropped, and one that was needed is missing",
        held_by: &[
            "server::ten_thousand_headers",
            "crates/ws-proto/src/handshake/tests/limits.rs::header_count_around_the_limit",
            "crates/ws-proto/src/handshake/tests/limits.rs::too_many_headers_fail_before_the_head_ends",
        ],
    },
    Class {
        number: 21,
        what: "a head is read anew with each of its bytes, and has no limit",
        held_by: &[
            "server::a_header_of_32_mib",
            "client::an_answer_without_end",
            "crates/ws-proto/src/handshake/tests/limits.rs::twenty_megabytes_one_at_a_time_keep_the_limit_at_most",
            "crates/ws-proto/src/handshake/tests/limits.rs::a_head_is_linear_in_its_bytes_even_under_a_huge_limit",
        ],
    },
    Class {
        number: 22,
        what: "a body behind a request to upgrade is taken for frames, or for another request",
        held_by: &["server::a_body_behind_a_request_to_upgrade"],
    },
    Class {
        number: 23,
        what: "line ends in what a caller gives become headers",
        held_by: &[
            "crates/ws-proto/src/handshake/tests/answer.rs::callers_cannot_smuggle_anything",
            "crates/ws-proto/src/handshake/tests/accept.rs::callers_cannot_smuggle_headers",
            "crates/ws-proto/src/handshake/tests/url.rs::wrong_urls_and_why",
            "crates/ws-proto/src/handshake/tests/properties.rs::any_header_is_refused_or_stays_one_header",
        ],
    },
    Class {
        number: 24,
        what: "output for a peer that never reads piles up",
        held_by: &[
            "server::echoes_are_never_read",
            "server::broadcasts_are_never_read",
            "client::a_server_that_never_reads",
        ],
    },
    Class {
        number: 25,
        what: "pongs for a peer that never reads pile up",
        held_by: &[
            "server::pongs_are_never_read",
            "client::pings_without_end_whose_pongs_are_never_read",
            "crates/ws-proto/src/tests/hostile.rs::a_ping_flood_costs_one_slot",
            "crates/ws-proto/src/tests/hostile.rs::every_ping_of_a_reading_peer_is_answered",
        ],
    },
    Class {
        number: 26,
        what: "every pong that comes leaves something behind",
        held_by: &["server::pongs_nobody_asked_for"],
    },
    Class {
        number: 27,
        what: "a connection that is closing may stay",
        held_by: &[
            "server::a_close_and_then_silence",
            "server::a_close_that_is_never_answered",
            "server::frames_after_a_close_without_end",
            "client::a_close_that_is_never_answered",
            "client::a_close_that_is_never_answered_but_by_messages",
            "client::a_transport_that_is_never_ended",
        ],
    },
    Class {
        number: 28,
        what: "masks can be guessed",
        held_by: &[
            "client::masks_are_always_fresh",
            "crates/ws-proto/src/tests/send.rs::every_client_frame_has_a_fresh_mask",
        ],
    },
    Class {
        number: 29,
        what: "reading and writing in each other's way, the processor is kept busy",
        held_by: &[
            "server::full_transports_cost_no_time",
            "server::more_connections_than_descriptors",
        ],
    },
    Class {
        number: 30,
        what: "a certificate is trusted whatever host it is for",
        held_by: &["solo::a_certificate_of_another_host"],
    },
    Class {
        number: 31,
        what: "comparing credentials takes longer the more of them is right: nothing here compares any",
        held_by: &["crates/ws-proto/src/handshake/tests/url.rs::user_and_password_become_basic_credentials"],
    },
    Class {
        number: 32,
        what: "memory is sent that nobody has written to",
        held_by: &[
            "crates/ws-frame/tests/text.rs::any_calls_keep_the_promise",
            "crates/ws-frame/tests/text.rs::spare_room_is_exact_zeroed_once_and_kept",
            "crates/ws-frame/src/mask/tests.rs::append_masked_keeps_what_is_there",
        ],
    },
    Class {
        number: 33,
        what: "a wrong frame right behind the handshake meets nobody, and ends the program",
        held_by: &[
            "server::nonsense_right_behind_the_request",
            "client::nonsense_right_behind_the_answer",
        ],
    },
    Class {
        number: 34,
        what: "a handshake that was refused goes on",
        held_by: &[
            "server::no_http_at_all",
            "server::ten_thousand_headers",
            "crates/ws-proto/src/handshake/tests/request.rs::an_ended_handshake_says_so_ever_after",
        ],
    },
    Class {
        number: 35,
        what: "a message is delivered before it is found to be wrong",
        held_by: &[
            "server::nonsense_right_behind_the_request",
            "crates/ws-proto/src/tests/receive.rs::breaches_of_the_protocol",
        ],
    },
    Class {
        number: 36,
        what: "pages of any origin may connect",
        held_by: &[
            "server::a_page_of_another_origin",
            "crates/ws-proto/src/handshake/tests/origin.rs::same_origin_is_the_default_and_lets_in_what_is_no_browser",
        ],
    },
    Class {
        number: 37,
        what: "a compressed message is spoilt when it is read in parts",
        held_by: &[
            "solo::a_compressed_message_in_bytes",
            "crates/ws-proto/src/deflate/tests/chunks.rs::what_was_taken_has_been_handed_out",
        ],
    },
];
