//! The layer rules, held by a machine: who may depend on whom, and what each layer may not touch.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    autobahn::SHELLS,
    project::{Package, Project},
    source,
};

/// Longer files are hard to hold in the head; tests do not count.
const MAX_LINES: usize = 600;

/// What the two lower layers may not reach for: the world outside, time and chance.
const OUTSIDE: [&str; 13] = [
    "std::net",
    "std::thread",
    "std::fs",
    "std::env",
    "std::process",
    "io::Read",
    "io::Write",
    "io::Error",
    "io::*",
    "Instant::now",
    "SystemTime",
    "rand",
    "getrandom",
];

/// What the shells leave to the protocol: frames in all their parts.
const FRAMING: [&str; 7] = [
    "ws_frame",
    "OpCode",
    "MaskKey",
    "FrameHeader",
    "HeaderDecoder",
    "EncodedHeader",
    "Rsv",
];

/// The bits and nibbles of a frame's first two bytes, as one writes them.
const FRAME_BITS: [u64; 8] = [0x80, 0x40, 0x20, 0x10, 0x70, 0xf0, 0x0f, 0x7f];

/// Where `unsafe` may stand.
const UNSAFE_HOMES: [&str; 2] = ["crates/ws-frame/src/", "xtask/no_std/"];

/// Unfinished work.
const UNFINISHED: [&str; 3] = ["todo", "unimplemented", "dbg"];

const LICENCES: [&str; 2] = ["LICENSE-MIT", "LICENSE-APACHE"];

/// Files whose lines are looked at; anything else may be binary.
const TEXT: [&str; 12] = [
    "rs", "toml", "md", "yml", "sh", "py", "mjs", "js", "html", "css", "json", "run",
];

/// Folders that are not ours to judge.
const NOT_OURS: [&str; 6] = ["target", ".git", "node_modules", "corpus", "artifacts", "coverage"];

/// Every rule over the whole repository; gives what is broken.
pub(crate) fn check(project: &Project) -> Result<(), String> {
    let mut broken = arrows(&project.packages);
    for licence in LICENCES {
        if !project.root.join(licence).is_file() {
            broken.push(format!("{licence} is missing"));
        }
    }
    let mut files = Vec::new();
    walk(&project.root, &mut files)?;
    for file in files {
        let text = fs::read_to_string(&file).map_err(|e| format!("{}: {e}", file.display()))?;
        let path = file
            .strip_prefix(&project.root)
            .unwrap_or(&file)
            .to_string_lossy()
            .into_owned();
        broken.extend(lines(&path, &text));
        if path.ends_with(".rs") {
            broken.extend(code(&path, &text));
        }
    }
    if broken.is_empty() {
        Ok(())
    } else {
        Err(broken.join("\n"))
    }
}

/// The dependency arrows, by the manifests.
fn arrows(packages: &[Package]) -> Vec<String> {
    let mut broken = Vec::new();
    for package in packages {
        let name = package.name.as_str();
        let ours = |dependency: &str| packages.iter().any(|other| other.name == dependency);
        let allowed: &[&str] = match name {
            "ws-frame" => &[],
            "ws-proto" => &["ws-frame"],
            _ if is_shell(name) => &["ws-proto"],
            _ => continue,
        };
        for dependency in &package.dependencies {
            let on = dependency.name.as_str();
            if ours(on) && !allowed.contains(&on) {
                broken.push(format!("{name} depends on {on}; it may depend on {allowed:?} of ours"));
            }
            if name == "ws-frame" && dependency.normal && !dependency.optional {
                broken.push(format!("ws-frame depends on {on} by default; it has no dependencies"));
            }
        }
    }
    broken
}

/// Rules for any text file.
fn lines(path: &str, text: &str) -> Vec<String> {
    let mut broken = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if line.ends_with([' ', '\t']) {
            broken.push(format!("{path}:{}: blanks at the end of the line", number + 1));
        }
    }
    broken
}

/// Rules for Rust source.
fn code(path: &str, text: &str) -> Vec<String> {
    let mut broken = Vec::new();
    let mut say = |line: usize, what: String| broken.push(format!("{path}:{line}: {what}"));

    if !text.starts_with("//!") {
        say(1, "the first line of a module is its `//!` documentation".into());
    }
    let all = source::strip(text);
    let (own, lines) = source::without_tests(&all);
    let own = if is_test(path) { String::new() } else { own };
    if !is_test(path) && lines > MAX_LINES {
        say(
            MAX_LINES,
            format!("{lines} lines without the tests; {MAX_LINES} are enough"),
        );
    }
    if library_root(path) && !all.replace(' ', "").contains("#![forbid(unsafe_code)]") {
        say(1, "`#![forbid(unsafe_code)]` is missing".into());
    }

    for found in source::paths(&all) {
        let name = found.segments.last().map_or("", String::as_str);
        if name == "unsafe" && !UNSAFE_HOMES.iter().any(|home| path.starts_with(home)) {
            say(found.line, "`unsafe` stands in ws-frame alone".into());
        }
        if UNFINISHED.contains(&name) && found.next.starts_with('!') {
            say(found.line, format!("`{name}!` is unfinished work"));
        }
    }

    if path.starts_with("crates/ws-frame/src/") || path.starts_with("crates/ws-proto/src/") {
        for found in source::paths(&own) {
            for outside in OUTSIDE.iter().filter(|outside| found.holds(outside)) {
                say(
                    found.line,
                    format!("`{outside}` below the shells: time, chance and bytes are arguments"),
                );
            }
        }
    }

    let Some(shell) = SHELLS
        .into_iter()
        .find(|name| path.starts_with(&format!("crates/ws-{name}/src/")))
    else {
        return broken;
    };
    // A crate's page names what the application may use; the shell itself may not.
    let is_page = path.ends_with("/src/lib.rs");
    for found in source::paths(&own) {
        for word in FRAMING.iter().filter(|word| !is_page && found.holds(word)) {
            say(found.line, format!("`{word}` in a shell: frames are ws-proto's"));
        }
        if found.holds("CloseCode") && argument_is_number(&found.next) {
            say(
                found.line,
                "a close code as a number in a shell: they have names".into(),
            );
        }
        for other in SHELLS.iter().filter(|&&other| other != shell) {
            if found.holds(&format!("ws_{other}")) {
                say(
                    found.line,
                    format!("`ws_{other}` in ws-{shell}: no shell names another"),
                );
            }
        }
    }
    for number in source::numbers(&own) {
        if number.hex && FRAME_BITS.contains(&number.value) {
            say(
                number.line,
                format!("{:#04x} in a shell: frame bits are ws-frame's", number.value),
            );
        }
        // 1000 itself is too common a number; `CloseCode::NORMAL` has no reason to be spelt out.
        if (1001..=1015).contains(&number.value) {
            say(
                number.line,
                format!("{} in a shell: close codes have names", number.value),
            );
        }
    }
    broken
}

/// Whether a call follows whose argument starts with a digit.
fn argument_is_number(next: &str) -> bool {
    next.strip_prefix('(')
        .is_some_and(|argument| argument.starts_with(|c: char| c.is_ascii_digit()))
}

fn is_shell(package: &str) -> bool {
    package.strip_prefix("ws-").is_some_and(|name| SHELLS.contains(&name))
}

fn is_test(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.split('/').any(|part| part == "tests" || part == "benches")
}

/// The root of a library crate other than ws-frame.
fn library_root(path: &str) -> bool {
    path.starts_with("crates/") && path.ends_with("/src/lib.rs") && !path.starts_with("crates/ws-frame/")
}

fn walk(dir: &Path, files: &mut Vec<PathBuf>) -> Result<(), String> {
    let entries = fs::read_dir(dir).map_err(|e| format!("{}: {e}", dir.display()))?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let kind = name.rsplit('.').next().unwrap_or_default();
        if path.is_dir() {
            if !NOT_OURS.contains(&name.as_str()) {
                walk(&path, files)?;
            }
        } else if TEXT.contains(&kind) {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::Dependency;

    /// What the rules say of `body` below a proper first line, in the file `path`.
    fn said(path: &str, body: &str) -> String {
        code(path, &format!("//! A module.\n{body}\n")).join("\n")
    }

    #[track_caller]
    fn broken(path: &str, body: &str, why: &str) {
        assert!(
            said(path, body).contains(why),
            "{path} with {body:?}: {:?}",
            said(path, body)
        );
    }

    #[track_caller]
    fn fine(path: &str, body: &str) {
        assert_eq!(said(path, body), "", "{path} with {body:?}");
    }

    const PROTO: &str = "crates/ws-proto/src/a.rs";
    const MIO: &str = "crates/ws-mio/src/a.rs";

    #[test]
    fn the_core_touches_nothing_outside() {
        for body in [
            "use std::net::TcpStream;",
            "use std::{fmt, net};",
            "fn f() { std::thread::spawn(g); }",
            "use std::io::{self, Read};",
            "fn f(r: impl io::Write) {}",
            "type E = io::Error;",
            "use std::io::*;",
            "let t = Instant::now();",
            "let t = std::time::SystemTime::now();",
            "let r: u32 = rand::random();",
            "getrandom::fill(&mut key);",
            "std::fs::read(p);",
            "std::env::var(v);",
        ] {
            broken(PROTO, body, "below the shells");
            broken("crates/ws-frame/src/a.rs", body, "below the shells");
            fine(MIO, body);
        }
        fine(
            PROTO,
            "use std::time::Duration; use std::io::IoSlice; // std::net, rand",
        );
        fine(
            PROTO,
            "const WORDS: &str = \"std::net\";\n/// Or `Instant::now()`.\nfn f() {}",
        );
        fine(PROTO, "#[cfg(test)]\nmod tests {\n use std::net::TcpStream;\n}");
        fine("crates/ws-proto/src/tests/a.rs", "use std::net::TcpStream;");
    }

    #[test]
    fn a_shell_leaves_frames_alone() {
        for word in FRAMING {
            broken(
                MIO,
                &format!("use ws_proto::{{Event, {word}}};"),
                "frames are ws-proto's",
            );
            fine(PROTO, &format!("use x::{word};"));
            let page = format!("#![forbid(unsafe_code)]\npub use ws_proto::{word};");
            fine("crates/ws-mio/src/lib.rs", &page);
        }
        for body in ["byte & 0x80", "let n = b & 0x0F;", "0x7f_u8"] {
            broken(MIO, body, "frame bits");
            fine(PROTO, body);
        }
        for body in ["close(1001)", "if code == 1_006 {}"] {
            broken(MIO, body, "close codes have names");
        }
        for body in ["CloseCode::new(4000)", "CloseCode::from(1000)", "CloseCode(3000)"] {
            broken(MIO, body, "a close code as a number");
        }
        fine(
            MIO,
            "CloseCode::GOING_AWAY; f(CloseCode::new(code)); let ms = 1000; [0; 4096]; 0xff",
        );
    }

    #[test]
    fn no_shell_names_another() {
        broken(MIO, "use ws_tokio::WebSocket;", "no shell names another");
        broken(
            "crates/ws-tokio/src/a.rs",
            "use ws_blocking::X;",
            "no shell names another",
        );
        broken(
            "crates/ws-blocking/src/a.rs",
            "use ws_mio as m;",
            "no shell names another",
        );
        fine(MIO, "use ws_mio::X; // unlike ws_tokio");
    }

    #[test]
    fn unsafe_has_one_home() {
        for path in [
            PROTO,
            MIO,
            "examples/examples/a.rs",
            "xtask/src/a.rs",
            "crates/ws-frame/tests/a.rs",
        ] {
            broken(path, "unsafe { f() }", "ws-frame alone");
            broken(
                path,
                "#[cfg(test)]\nmod tests {\n unsafe fn f() {}\n}",
                "ws-frame alone",
            );
        }
        fine("crates/ws-frame/src/mask.rs", "unsafe { f() }");
        fine("xtask/no_std/frame/src/main.rs", "unsafe { f() }");
        fine(PROTO, "#![deny(unsafe_op_in_unsafe_fn)] // unsafe");
    }

    #[test]
    fn libraries_forbid_unsafe() {
        let missing = "`#![forbid(unsafe_code)]` is missing";
        broken("crates/ws-proto/src/lib.rs", "mod a;", missing);
        broken("crates/ws-proto/src/lib.rs", "// #![forbid(unsafe_code)]", missing);
        fine("crates/ws-proto/src/lib.rs", "#![forbid(unsafe_code)]");
        fine("crates/ws-frame/src/lib.rs", "mod a;");
        fine(PROTO, "mod a;");
    }

    #[test]
    fn a_module_says_what_it_is() {
        assert!(code("a.rs", "use x;\n//! Late.\n")[0].contains("first line"));
        assert!(code("a.rs", "")[0].contains("first line"));
    }

    #[test]
    fn nothing_unfinished() {
        for word in UNFINISHED {
            broken("benches/src/a.rs", &format!("fn f() {{ {word}!() }}"), "unfinished");
        }
        fine("benches/src/a.rs", "let todo = 1; // todo!()");
    }

    #[test]
    fn files_stay_short() {
        let long = "let x = 1;\n".repeat(MAX_LINES);
        broken(PROTO, &long, "without the tests");
        fine(PROTO, &format!("#[cfg(test)]\nmod tests {{\n{long}}}"));
        fine("crates/ws-proto/tests/a.rs", &long);
    }

    #[test]
    fn no_blanks_at_line_ends() {
        assert_eq!(lines("a.md", "a\nb \nc\t\n").len(), 2);
        assert!(lines("a.md", "a\n b\n").is_empty());
    }

    #[test]
    fn arrows_point_down() {
        let package = |name: &str, on: &[(&str, bool, bool)]| Package {
            name: name.into(),
            rust_version: String::new(),
            features: Vec::new(),
            dependencies: on
                .iter()
                .map(|&(name, normal, optional)| Dependency {
                    name: name.into(),
                    normal,
                    optional,
                })
                .collect(),
        };
        let layers = |frame: &[(&str, bool, bool)], proto: &[(&str, bool, bool)], mio: &[(&str, bool, bool)]| {
            arrows(&[
                package("ws-frame", frame),
                package("ws-proto", proto),
                package("ws-mio", mio),
                package("ws-tokio", &[]),
                package("examples", &[("ws-mio", true, false), ("ws-tokio", true, false)]),
            ])
            .join("\n")
        };
        let need = |name| (name, true, false);
        let option = ("bytes", true, true);
        let test = |name| (name, false, false);
        assert_eq!(
            layers(
                &[option, test("proptest")],
                &[need("ws-frame"), need("sha1")],
                &[need("ws-proto")]
            ),
            ""
        );
        assert!(layers(&[need("bytes")], &[], &[]).contains("no dependencies"));
        assert!(layers(&[test("ws-proto")], &[], &[]).contains("ws-frame depends on ws-proto"));
        assert!(layers(&[], &[need("ws-mio")], &[]).contains("ws-proto depends on ws-mio"));
        assert!(layers(&[], &[], &[need("ws-frame")]).contains("ws-mio depends on ws-frame"));
        assert!(layers(&[], &[], &[test("ws-tokio")]).contains("ws-mio depends on ws-tokio"));
    }
}
