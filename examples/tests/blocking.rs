//! The programs over ws-blocking, as processes.

#[allow(dead_code, reason = "every test uses a part of it")]
mod program;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::Duration;

use program::Program;
use ws_blocking::{Accept, Server, connect, tls};

#[test]
fn echo_once_echoes_and_disconnects() {
    let mut server = Program::start("echo_once", &["--port=0"]);
    let address = address(&server, "ws://");
    for _ in 0..3 {
        let mut ws = connect(&format!("ws://{address}/")).unwrap();
        ws.send("Test").unwrap();
        assert_eq!(ws.recv().unwrap(), Some("Test".into()));
        assert_eq!(ws.recv().unwrap(), None);
        assert!(ws.ending().unwrap().is_clean());
    }
    // Who has said nothing yet is told to leave with the server.
    let mut ws = connect(&format!("ws://{address}/")).unwrap();
    assert!(server.end().success());
    assert_eq!(ws.recv().unwrap(), None);
}

#[test]
fn raw_echo_echoes_bytes_and_tells_who_comes_and_goes() {
    let mut server = Program::start("raw_echo", &["--port=0"]);
    let address = address(&server, "");
    let mut stream = TcpStream::connect(&address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let name = stream.local_addr().unwrap();
    assert_eq!(server.line(), format!("+ {name}"));
    let bytes: Vec<u8> = (0..100_000).map(|number| (number % 251) as u8).collect();
    let mut writing = stream.try_clone().unwrap();
    let sent = bytes.clone();
    let writer = thread::spawn(move || writing.write_all(&sent));
    let mut back = vec![0; bytes.len()];
    stream.read_exact(&mut back).unwrap();
    assert!(back == bytes);
    writer.join().unwrap().unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    assert_eq!(server.line(), format!("- {name}"));
    assert!(server.end().success());
}

#[test]
fn everybody_in_blocking_chat_hears_everybody() {
    let mut server = Program::start("blocking_chat", &["--port=0"]);
    let url = format!("ws://{}/", address(&server, "ws://"));
    let mut first = Program::start("talk", &[&url]);
    assert_eq!(first.line(), "You are #0, one of 1.");
    let mut second = Program::start("talk", &[&url]);
    assert_eq!(second.line(), "You are #1, one of 2.");
    assert_eq!(first.line(), "#1 is here.");
    first.say("Hello");
    assert_eq!(first.line(), "#0: Hello");
    assert_eq!(second.line(), "#0: Hello");
    second.say("Goodbye");
    assert_eq!(first.line(), "#1: Goodbye");
    assert_eq!(second.line(), "#1: Goodbye");
    second.stop_typing();
    assert!(second.line().starts_with("closed: 1000"));
    assert!(second.wait().success());
    assert_eq!(first.line(), "#1 has left.");
    // The server goes while nobody types.
    assert!(server.end().success());
    assert!(first.line().starts_with("closed: 1001"));
    assert!(first.wait().success());
}

#[test]
fn talk_speaks_tls() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let file = std::env::temp_dir().join(format!("talk-{}.pem", std::process::id()));
    std::fs::write(&file, &certificate).unwrap();
    let server = Server::bind("127.0.0.1:0")
        .unwrap()
        .tls(tls::server_config(certificate.as_bytes(), key.as_bytes()).unwrap())
        .start(|incoming| {
            let mut ws = incoming.accept(Accept::new()).unwrap();
            // Unasked, so that what is printed does not depend on what is typed.
            ws.send("Who is there?").unwrap();
            while let Ok(Some(message)) = ws.recv() {
                ws.send(message).unwrap();
            }
        })
        .unwrap();
    let url = format!("wss://localhost:{}/", server.local_addr().unwrap().port());
    let mut talk = Program::start("talk", &["--ca", file.to_str().unwrap(), &url]);
    assert_eq!(talk.line(), "Who is there?");
    talk.say("Me");
    assert_eq!(talk.line(), "Me");
    talk.stop_typing();
    assert!(talk.line().starts_with("closed: 1000"));
    assert!(talk.wait().success());
    // Nobody has vouched for this certificate.
    let mut stranger = Program::start("talk", &[&url]);
    assert!(!stranger.wait().success());
    std::fs::remove_file(file).unwrap();
    assert_eq!(server.shutdown(), 0);
}

#[test]
fn full_duplex_moves_both_ways_while_pings_are_answered() {
    let mut program = Program::start("full_duplex", &["--mib=8", "--rounds=1"]);
    for name in ["TCP", "TLS"] {
        for _ in 0..3 {
            let line = program.line();
            assert!(line.starts_with(name), "{line}");
            assert!(
                line.ends_with(" pings answered") && !line.contains(" 0 pings"),
                "{line}"
            );
        }
        assert!(program.line().contains("both ways"));
        assert!(program.line().contains("after it is told"));
    }
    assert!(program.wait().success());
}

/// Where it listens.
fn address(program: &Program, scheme: &str) -> String {
    program.line_behind(&format!("listening on {scheme}"))
}

/// How long a test waits for what should happen at once.
const PATIENCE: Duration = Duration::from_secs(20);
