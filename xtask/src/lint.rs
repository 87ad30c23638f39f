//! `cargo xtask lint`: formatting, clippy, documentation and the layer rules.

use std::process::Command;

use crate::{
    bench, layers,
    outcome::Outcome,
    process,
    project::{Project, cargo},
};

/// Packages outside the workspace, which `cargo fmt --all` does not see.
const APART: [&str; 4] = ["benches/peers", "fuzz", "xtask/no_std/frame", "xtask/no_std/proto"];

/// Packages whose compressor is a feature that is off.
const SMALL_BY_DEFAULT: [&str; 4] = ["ws-proto", "ws-mio", "ws-tokio", "ws-blocking"];
const COMPRESSORS: [&str; 4] = ["zlib-rs ", "flate2 ", "miniz_oxide ", "libz-"];

/// Runs every check, also behind a failed one, and names those that failed.
pub(crate) fn run(project: &Project) -> Outcome {
    let mut failed = Vec::new();
    let mut check = |name: String, result: Result<(), String>| match result {
        Ok(()) => println!("lint: {name}: ok"),
        Err(why) => {
            println!("lint: {name}: FAILED\n{why}");
            failed.push(name);
        }
    };

    check("layers".into(), layers::check(project));
    check("fmt".into(), process::run(cargo().args(["fmt", "--all", "--check"])));
    for dir in APART {
        let mut fmt = cargo();
        fmt.args(["fmt", "--check", "--manifest-path"])
            .arg(project.root.join(dir).join("Cargo.toml"));
        check(format!("fmt {dir}"), process::run(&mut fmt));
    }
    // One package at a time: together they would lend each other features.
    for package in &project.packages {
        check(format!("clippy {}", package.name), clippy(&package.name, &[]));
    }
    for (package, features) in project.feature_sets() {
        check(
            format!("clippy {package} {}", features.join(" ")),
            clippy(package, &features),
        );
    }
    check("check benches/peers".into(), bench::check_peers(project));
    for package in SMALL_BY_DEFAULT {
        check(format!("{package} compresses when asked only"), no_compressor(package));
    }
    let mut doc = cargo();
    doc.env("RUSTDOCFLAGS", "-D warnings")
        .args(["doc", "--quiet", "--workspace", "--no-deps"]);
    check("doc".into(), process::run(&mut doc));

    if failed.is_empty() {
        println!("lint: all checks passed");
        Outcome::Passed
    } else {
        Outcome::Failed(failed.join(", "))
    }
}

/// Without the feature, no compressor is even compiled.
fn no_compressor(package: &str) -> Result<(), String> {
    let tree = process::output(cargo().args(["tree", "--package", package, "--edges", "normal", "--prefix", "none"]))?;
    match tree
        .lines()
        .find(|line| COMPRESSORS.iter().any(|name| line.starts_with(name)))
    {
        None => Ok(()),
        Some(line) => Err(format!("{package} depends on {line} by default")),
    }
}

fn clippy(package: &str, features: &[&str]) -> Result<(), String> {
    let mut clippy: Command = cargo();
    clippy
        .args(["clippy", "--quiet", "--all-targets", "--package", package])
        .args(features);
    process::run(clippy.args(["--", "-D", "warnings"]))
}
