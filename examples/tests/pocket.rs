//! The programs over ws-mio as processes, with real clients: who hears what, settings, and the end.

#[allow(dead_code, reason = "every test uses a part of it")]
mod program;

use program::{PATIENCE, Program};
use ws_blocking::{CloseCode, Message, WebSocket, connect};

#[test]
fn pocket_echo_repeats_to_all_but_the_sender_whatever_the_port() {
    let mut server = Program::start("pocket_echo", &["--port", "0", "--hosts", "127.0.0.1,::1"]);
    let urls = [server.url(), server.url()];
    let mut peers = [peer(&urls[0]), peer(&urls[1]), peer(&urls[0])];
    peers[0].send("to the others").unwrap();
    peers[1].send(Message::binary(vec![1, 2, 3])).unwrap();
    assert_eq!(heard(&mut peers[0]), Message::binary(vec![1, 2, 3]));
    assert_eq!(heard(&mut peers[1]), "to the others".into());
    let both = [heard(&mut peers[2]), heard(&mut peers[2])];
    assert!(both.contains(&"to the others".into()) && both.contains(&Message::binary(vec![1, 2, 3])));
    tells_all_when_it_ends(&mut server, &mut peers);
}

#[test]
fn pocket_reply_thanks() {
    let mut server = Program::start("pocket_reply", &["-p", "0"]);
    let mut peer = peer(&server.url());
    for _ in 0..3 {
        peer.send("hello").unwrap();
        assert_eq!(heard(&mut peer), "Thank you.".into());
    }
    tells_all_when_it_ends(&mut server, &mut [peer]);
}

#[test]
fn pocket_example_tells_everybody_what_everybody_does() {
    let file = std::env::temp_dir().join(format!("pocket-{}.json", std::process::id()));
    std::fs::write(&file, r#"{"port": 0, "host": "127.0.0.1"}"#).unwrap();
    let mut server = Program::start("pocket_example", &["--settings", file.to_str().unwrap()]);
    let url = server.url();
    std::fs::remove_file(&file).unwrap();
    let mut first = peer(&url);
    server.line_behind("INFO  New client: ");
    let mut second = peer(&url);
    assert!(text(&mut first).starts_with("New client: Context("));
    second.send("hello").unwrap();
    assert_eq!(heard(&mut second), "Thanks.".into());
    assert!(text(&mut first).starts_with("Got message from: Context("));
    assert_eq!(server.line_behind("INFO  Received text: "), "hello");
    assert_eq!(server.line_behind("INFO  Send: "), "Thanks.");
    second.send(Message::binary(vec![0; 5])).unwrap();
    assert_eq!(server.line_behind("INFO  Received binary: "), "length 5");
    assert_eq!(heard(&mut second), "Thanks.".into());
    assert!(text(&mut first).starts_with("Got message from: "));
    second.close(CloseCode::NORMAL, "").unwrap();
    assert!(text(&mut first).starts_with("Client close: Context("));
    tells_all_when_it_ends(&mut server, &mut [first]);
}

#[test]
fn what_is_wrong_with_settings_is_told_and_help_is_given() {
    for args in [
        &["--settings", "/no/such/file"][..],
        &["--port", "65536"],
        &["--no-such-flag"],
    ] {
        let mut program = Program::start("pocket_reply", args);
        assert_eq!(program.wait().code(), Some(2), "{args:?}");
    }
    let mut program = Program::start("pocket_reply", &["--help"]);
    assert_eq!(program.line(), "Thanks for every message.");
    assert!(program.wait().success());
    for (flags, is_quiet) in [(&["--port=0"][..], false), (&["--quiet", "--port=0"], true)] {
        let server = Program::start("pocket_reply", flags);
        let mut peer = peer(&server.url());
        peer.send("hello").unwrap();
        assert_eq!(heard(&mut peer), "Thank you.".into());
        server.ask_to_end();
        ended(&mut peer);
        assert_eq!(server.rest().is_empty(), is_quiet);
    }
}

#[test]
fn channels_knows_names_direct_messages_and_channels() {
    let mut server = Program::start("channels", &["--port", "0"]);
    let url = server.url();
    let [mut bob, mut eve, mut joe] = [peer(&url), peer(&url), peer(&url)];
    for (peer, name) in [(&mut bob, "bob"), (&mut eve, "eve"), (&mut joe, "joe")] {
        assert_eq!(ask(peer, &format!("#name {name}")), format!("#name {name}"));
    }
    assert_eq!(ask(&mut eve, "#name bob"), "#error somebody is 'bob' already");
    assert_eq!(ask(&mut eve, "#client ann\nhello"), "#error nobody is 'ann'");
    assert_eq!(ask(&mut eve, "#dance"), "#error the order 'dance' is not known");
    eve.send("#client bob\r\njust you").unwrap();
    assert_eq!(text(&mut bob), "eve: just you");
    // The answer shows that they are in the channel.
    assert_eq!(
        ask(&mut bob, "#join news\n#dance"),
        "#error the order 'dance' is not known"
    );
    assert_eq!(
        ask(&mut joe, "#join news\n#dance"),
        "#error the order 'dance' is not known"
    );
    bob.send("#channel news\nnews").unwrap();
    assert_eq!(text(&mut joe), "bob: news");
    // An order stands in front, or is none; nothing is sent to nobody.
    joe.send("").unwrap();
    joe.send("to all #name bob").unwrap();
    assert_eq!(text(&mut bob), "joe: to all #name bob");
    assert_eq!(text(&mut eve), "joe: to all #name bob", "and no news before it");
    // What a peer can have kept is bounded.
    let long = format!("#name {}", "x".repeat(100));
    assert_eq!(ask(&mut eve, &long), "#error a name has 1 to 64 bytes");
    assert_eq!(ask(&mut eve, "#join"), "#error a name has 1 to 64 bytes");
    let many: String = (0..21).map(|number| format!("#join {number}\n")).collect();
    assert_eq!(ask(&mut eve, &many), "#error nobody is in more than 20 channels");
    tells_all_when_it_ends(&mut server, &mut [bob, eve, joe]);
}

#[test]
fn a_bridge_has_two_ends_and_a_terminal() {
    let mut far = Program::start("pocket_echo", &["--port", "0", "--host", "127.0.0.1"]);
    let url = far.url();
    let mut bridge = Program::start("bridge", &[&url]);
    let near_url = bridge.url();
    assert_eq!(bridge.line(), "the bridge is open");
    let [mut there, mut here] = [peer(&url), peer(&near_url)];
    there.send("from afar").unwrap();
    assert_eq!(heard(&mut here), "from afar".into());
    here.send("from here").unwrap();
    assert_eq!(heard(&mut there), "from here".into());
    bridge.say("typed");
    assert_eq!(heard(&mut there), "typed".into());
    assert_eq!(heard(&mut here), "typed".into());
    // Where the far end goes, the bridge goes.
    tells_all_when_it_ends(&mut far, &mut [there]);
    assert_eq!(bridge.line(), "the far end is gone: 1001 ");
    assert!(bridge.wait().success());
    ended(&mut here);
    let mut nowhere = Program::start("bridge", &[&url]);
    assert_eq!(nowhere.wait().code(), Some(1));
}

#[test]
fn workers_are_one_company() {
    let mut server = Program::start("workers", &["--port", "0"]);
    let url = server.url();
    // Some in each loop, most likely.
    let mut peers: Vec<_> = (0..16).map(|_| peer(&url)).collect();
    let (first, others) = peers.split_first_mut().unwrap();
    for other in others {
        other.send("here").unwrap();
        while text(first) != "here" {}
    }
    first.send("to all").unwrap();
    for other in &mut peers[1..] {
        while text(other) != "to all" {}
    }
    tells_all_when_it_ends(&mut server, &mut peers);
}

fn peer(url: &str) -> WebSocket {
    connect(url).unwrap()
}

fn heard(peer: &mut WebSocket) -> Message {
    peer.recv_timeout(PATIENCE).unwrap().expect("a message")
}

fn text(peer: &mut WebSocket) -> String {
    heard(peer).as_text().expect("text").to_owned()
}

fn ask(peer: &mut WebSocket, order: &str) -> String {
    peer.send(order).unwrap();
    text(peer)
}

fn tells_all_when_it_ends(server: &mut Program, peers: &mut [WebSocket]) {
    server.ask_to_end();
    peers.iter_mut().for_each(ended);
    assert!(server.wait().success());
}

/// Reads up to the Close, which says that the server goes away.
fn ended(peer: &mut WebSocket) {
    while peer.recv_timeout(PATIENCE).unwrap().is_some() {}
    assert_eq!(peer.ending().unwrap().code(), CloseCode::GOING_AWAY);
}
