//! The programs on hyper, on axum and over TLS as processes, and curl at what they serve beside WebSockets. Browsers and
//! other people's clients visit them in parts of their own of `cargo xtask test`.

#[allow(dead_code, reason = "every test uses a part of it")]
mod program;

use std::process::{Command, Stdio};

use program::{PATIENCE, Program};
use ws_tokio::{Error, connect};

#[test]
fn a_page_and_a_health_check_beside_the_chat() {
    let server = Program::start("axum_chat", &["--port=0"]);
    let url = server.url().replace("ws://", "http://");
    assert!(curl(&[&url]).contains("new WebSocket("));
    assert_eq!(curl(&[&format!("{url}health")]), "fine\n");
    assert_eq!(curl(&["-o/dev/null", "-w%{http_code}", &format!("{url}ws")]), "426");
}

#[test]
fn a_page_over_tls_beside_the_echo() {
    let server = Program::start("echo_tls", &["--port=0"]);
    let certificate = server.line_behind("its certificate: ");
    let url = format!(
        "https://localhost:{}",
        server.line_behind("listening on wss://localhost:")
    );
    assert!(curl(&["--cacert", &certificate, &url]).contains("WebSocket"));
    let code = ["-o/dev/null", "-w%{http_code}"];
    assert_eq!(
        curl(&[&code[..], &["--cacert", &certificate, &format!("{url}/x")]].concat()),
        "404"
    );
}

#[tokio::test]
async fn a_layer_of_towers_stands_before_the_upgrade() {
    let server = Program::start("tower_echo", &["--port=0"]);
    let url = server.url();
    assert_eq!(curl(&[&format!("{url}health").replace("ws://", "http://")]), "fine\n");
    let private = connect(&format!("{url}private"));
    match private.clone().await {
        Err(Error::Refused(response)) => assert_eq!(response.status(), 401),
        other => panic!("{other:?}"),
    }
    let mut ws = private.header("Authorization", "Bearer secret").await.unwrap();
    ws.send("hello").await.unwrap();
    assert_eq!(ws.recv().await.unwrap().unwrap().as_text(), Some("hello"));
    server.ask_to_end();
    assert!(ws.recv().await.unwrap().is_none());
    assert_eq!(ws.ending().unwrap().code(), ws_tokio::CloseCode::GOING_AWAY);
}

/// What curl prints.
fn curl(args: &[&str]) -> String {
    let patience = PATIENCE.as_secs().to_string();
    let output = Command::new("curl")
        .args(["--silent", "--show-error", "--noproxy", "*", "--max-time", &patience])
        .args(args)
        .stderr(Stdio::inherit())
        .output()
        .expect("curl");
    assert!(output.status.success(), "curl {args:?}");
    String::from_utf8(output.stdout).unwrap()
}
