//! A real browser: on the chat page, on pages that try their servers by themselves, and compressing with the echo servers;
//! what it does there stands in `xtask/peers/browser.py`.

use std::{process::Command, time::Duration};

use crate::{
    autobahn::SHELLS,
    outcome::Outcome,
    process::{Running, run_logged},
    project::Project,
    tools::{self, Browser},
};

/// For a program to say that it is ready.
const START_LIMIT: Duration = Duration::from_secs(60);
/// For the whole visit; a browser's first start may be slow.
const VISIT_LIMIT: Duration = Duration::from_secs(5 * 60);

/// How the echo servers are started.
const FLAVOURS: [&str; 2] = ["--deflate", "--deflate-shared"];

/// Programs with a page that tries its own server, and what it shows when that has worked.
const PAGES: [(&str, &str); 2] = [
    ("axum_chat", "connected"),
    ("echo_tls", "echoed: grüß dich, closed: 1000"),
];

/// Two tabs chat; pages try their servers; a page sends compressed messages.
pub(crate) fn chat(project: &Project) -> Outcome {
    match tools::browser() {
        Ok(browser) => visit(project, &browser).into(),
        Err(why) => Outcome::Skipped(format!("Chromium can't be had: {why}")),
    }
}

fn visit(project: &Project, browser: &Browser) -> Result<(), String> {
    tools::needs("python3", &["python3"])?;
    let echoes = SHELLS.map(|shell| format!("echo_{shell}"));
    let mut examples: Vec<&str> = echoes.iter().map(String::as_str).collect();
    examples.push("chat");
    examples.extend(PAGES.map(|(program, _)| program));
    project.build_examples(&examples)?;
    let dir = project.fresh_dir("browser")?;
    let log = dir.join("log");

    let chat = Running::start(project.example("chat").args(["--port", "0"]), &log)?;
    let page = chat.line(START_LIMIT, |line| Some(address(line)))?;
    let page = page.ok_or("the first line of `chat` names no http:// address")?;

    // Kept, or they would be stopped.
    let mut servers = Vec::new();
    let mut pages = Vec::new();
    for (program, shows) in PAGES {
        let server = Running::start(project.example(program).args(["--port", "0"]), &log)?;
        let address = server.line(START_LIMIT, |line| {
            line.strip_prefix("listening on ws").map(str::to_owned)
        })?;
        pages.push([format!("http{address}"), shows.to_owned()]);
        servers.push(server);
    }
    let mut urls = Vec::new();
    for (echo, flavour) in echoes.iter().flat_map(|echo| FLAVOURS.map(|flavour| (echo, flavour))) {
        let server = Running::start(project.example(echo).args(["--port", "0", flavour]), &log)?;
        urls.push(format!("ws://{}", server.address(START_LIMIT)?));
        servers.push(server);
    }

    let mut driver = Command::new(&browser.driver);
    let driver = Running::start_group(driver.arg("--port=0"), &log)?;
    let port = driver.0.line(START_LIMIT, driver_port)?;

    let mut script = Command::new("python3");
    script.arg(project.root.join("xtask/peers/browser.py"));
    script.arg(format!("http://127.0.0.1:{port}")).arg(&browser.chromium);
    script.arg(dir.join("profile")).arg(page);
    script.arg(serde_json::json!(pages).to_string()).args(urls);
    run_logged(&mut script, &log, VISIT_LIMIT)
}

/// The address in a line for people.
fn address(line: &str) -> Option<String> {
    let start = line.find("http://")?;
    line[start..].split_whitespace().next().map(str::to_owned)
}

/// Reads `ChromeDriver was started successfully on port 12345.`
fn driver_port(line: &str) -> Option<u16> {
    line.split("successfully on port ")
        .nth(1)?
        .trim_end_matches('.')
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_from_lines_for_people() {
        let line = "Chat: point your browser at http://127.0.0.1:9001/ (Ctrl-C ends)";
        assert_eq!(address(line).unwrap(), "http://127.0.0.1:9001/");
        assert_eq!(address("listening on ws://127.0.0.1:9001"), None);
        assert_eq!(
            driver_port("ChromeDriver was started successfully on port 4711."),
            Some(4711)
        );
        assert_eq!(driver_port("Starting ChromeDriver 1.2.3 on port 0"), None);
    }
}
