//! The programs on hyper, on axum and over TLS as processes, with real clients: curl, Chromium if it is there, and, where
//! `cargo xtask test` has set them up, Python's `websockets` and Node's `ws`. Their scripts expect an echo; alone in a
//! chat, one has it.

#[allow(dead_code, reason = "every test uses a part of it")]
mod program;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

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

#[test]
fn clients_of_other_making() {
    let peers = peers();
    if peers.is_empty() {
        println!("skipped: neither Python's `websockets` nor Node's `ws` is set up");
    }
    for peer in peers {
        for (mode, flags) in MODES {
            for (name, path) in [("axum_chat", "ws"), ("tower_echo", "")] {
                let mut server = Program::start(name, flags);
                let url = format!("{}{path}", server.url());
                visit(&peer, &url, mode, &mut server, None);
            }
        }
        let mut server = Program::start("echo_tls", &["--port=0"]);
        let certificate = server.line_behind("its certificate: ");
        let port = server.line_behind("listening on wss://localhost:");
        let url = format!("wss://localhost:{port}");
        visit(&peer, &url, "plain", &mut server, Some(&certificate));
    }
}

#[test]
fn pages_in_a_browser() {
    if Command::new("chromium").arg("--version").output().is_err() {
        println!("skipped: there is no Chromium");
        return;
    }
    let server = Program::start("axum_chat", &["--port=0"]);
    let page = chromium(&server.url().replace("ws://", "http://"));
    assert!(page.contains("<li>connected</li>"), "{page}");
    let server = Program::start("echo_tls", &["--port=0"]);
    let port = server.line_behind("listening on wss://localhost:");
    let page = chromium(&format!("https://localhost:{port}"));
    assert!(page.contains("echoed: grüß dich, closed: 1000"), "{page}");
}

/// How a client is started, up to the server's address.
type Peer = Vec<PathBuf>;

/// Those that are there.
fn peers() -> Vec<Peer> {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../xtask/peers");
    let python = tools().join("python-peer/venv/bin/python");
    let node = tools().join("node-peer");
    let mut peers = Vec::new();
    if python.exists() {
        peers.push(vec![python, "-B".into(), scripts.join("python_client.py")]);
    }
    if node.join("node_modules").exists() {
        peers.push(vec!["node".into(), scripts.join("node_client.mjs"), node]);
    }
    peers
}

/// Where `cargo xtask test` keeps them.
fn tools() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    std::env::var_os("WS_TOOLS").map_or_else(|| test.ancestors().nth(3).unwrap().join("tools"), PathBuf::from)
}

/// All that a peer's script does with an echo, until the server goes away.
fn visit(peer: &Peer, url: &str, mode: &str, server: &mut Program, certificate: Option<&str>) {
    let mut command = Command::new(&peer[0]);
    command.args(&peer[1..]).args([url, MAX_MESSAGE, mode]);
    if let Some(certificate) = certificate {
        command.envs([("SSL_CERT_FILE", certificate), ("NODE_EXTRA_CA_CERTS", certificate)]);
    }
    let mut client = Program::spawn(&mut command).unwrap();
    assert_eq!(client.line_within(LONG), "waiting", "{peer:?} at {url}");
    server.ask_to_end();
    assert!(client.wait().success(), "{peer:?} at {url}");
    assert!(server.wait().success());
}

/// What a page has become when its scripts have done their part.
fn chromium(url: &str) -> String {
    let profile = std::env::temp_dir().join(format!("hosted-{}", std::process::id()));
    let output = Command::new("chromium")
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
        .args(["--no-proxy-server", "--ignore-certificate-errors"])
        .arg(format!("--user-data-dir={}", profile.display()))
        // Of the page's own clock, which stands still while it waits for the network.
        .args(["--virtual-time-budget=5000", "--dump-dom", url])
        .stderr(Stdio::null())
        .output()
        .unwrap();
    let _ = std::fs::remove_dir_all(profile);
    String::from_utf8(output.stdout).unwrap()
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

/// How servers are started, and what clients are told of it. Without optimization, compression takes them minutes.
const MODES: &[(&str, &[&str])] = if cfg!(debug_assertions) {
    &[("plain", &["--port=0"])]
} else {
    &[("plain", &["--port=0"]), ("compressing", &["--port=0", "--deflate=15"])]
};

/// For a whole script.
const LONG: Duration = Duration::from_secs(120);

/// The programs' default.
const MAX_MESSAGE: &str = "1048576";
