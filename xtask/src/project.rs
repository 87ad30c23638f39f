//! Where things are: the workspace, its packages and its target folder.

use std::{fs, path::PathBuf, process::Command};

use serde_json::Value;

use crate::process;

/// What `cargo metadata` says of the workspace.
#[derive(Debug)]
pub(crate) struct Project {
    /// The repository's root.
    pub(crate) root: PathBuf,
    /// Cargo's target folder.
    pub(crate) target: PathBuf,
    /// The workspace's packages, by name.
    pub(crate) packages: Vec<Package>,
}

/// One package of the workspace.
#[derive(Debug)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// The oldest Rust that it promises.
    pub(crate) rust_version: String,
    /// Its features but `default`.
    pub(crate) features: Vec<String>,
    pub(crate) dependencies: Vec<Dependency>,
}

/// One dependency as a manifest states it.
#[derive(Debug)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// Built into the package itself, not only into its tests or its build script.
    pub(crate) normal: bool,
    pub(crate) optional: bool,
}

impl Project {
    /// Asks Cargo.
    pub(crate) fn find() -> Result<Self, String> {
        let text = process::output(cargo().args(["metadata", "--no-deps", "--format-version", "1"]))?;
        let json: Value = serde_json::from_str(&text).map_err(|e| e.to_string())?;
        let mut packages: Vec<Package> = list(&json["packages"]).map(package).collect();
        packages.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self {
            root: PathBuf::from(string(&json["workspace_root"])),
            target: PathBuf::from(string(&json["target_directory"])),
            packages,
        })
    }

    /// Builds the named examples in release mode; `*` stands for all.
    pub(crate) fn build_examples(&self, names: &[&str]) -> Result<(), String> {
        let mut command = cargo();
        command.args(["build", "--quiet", "--release", "--package", "examples"]);
        for name in names {
            command.args(["--example", name]);
        }
        process::run(&mut command)
    }

    /// A command that runs an example built by [`build_examples`](Self::build_examples).
    pub(crate) fn example(&self, name: &str) -> Command {
        Command::new(self.target.join("release/examples").join(name))
    }

    /// A fresh folder below the target folder, for what a run leaves behind.
    pub(crate) fn fresh_dir(&self, name: &str) -> Result<PathBuf, String> {
        let dir = self.target.join(name);
        if dir.exists() {
            fs::remove_dir_all(&dir).map_err(|e| format!("{}: {e}", dir.display()))?;
        }
        fs::create_dir_all(&dir).map_err(|e| format!("{}: {e}", dir.display()))?;
        Ok(dir)
    }

    /// Packages with features to choose from, and their feature sets as Cargo arguments:
    /// none, each alone, and all.
    pub(crate) fn feature_sets(&self) -> Vec<(&str, Vec<&str>)> {
        let mut sets = Vec::new();
        for package in self.packages.iter().filter(|p| !p.features.is_empty()) {
            sets.push((package.name.as_str(), vec!["--no-default-features"]));
            for feature in &package.features {
                let set = vec!["--no-default-features", "--features", feature];
                sets.push((package.name.as_str(), set));
            }
            sets.push((package.name.as_str(), vec!["--all-features"]));
        }
        sets
    }
}

/// The Cargo that runs us.
pub(crate) fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

fn package(json: &Value) -> Package {
    let mut features: Vec<String> = json["features"]
        .as_object()
        .into_iter()
        .flat_map(|map| map.keys().cloned())
        .filter(|name| name != "default")
        .collect();
    features.sort();
    let dependencies = list(&json["dependencies"])
        .map(|dependency| Dependency {
            name: string(&dependency["name"]),
            normal: dependency["kind"].is_null(),
            optional: dependency["optional"] == true,
        })
        .collect();
    Package {
        name: string(&json["name"]),
        rust_version: string(&json["rust_version"]),
        features,
        dependencies,
    }
}

fn list(json: &Value) -> impl Iterator<Item = &Value> {
    json.as_array().into_iter().flatten()
}

fn string(json: &Value) -> String {
    json.as_str().unwrap_or_default().to_owned()
}
