//! Makes a certificate for `localhost` and `127.0.0.1`, to try TLS with: `cert.pem` and `key.pem`, in the folder that is
//! given. Servers take both (`echo_tls --cert cert.pem --key key.pem`), clients the former (`client --ca cert.pem`).
//!
//! `cargo run --release --example certificate -- FOLDER`

use std::error::Error;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use examples::outcome;

fn main() -> ExitCode {
    match &std::env::args_os().skip(1).collect::<Vec<_>>()[..] {
        [folder] => outcome::exit_code(run(&PathBuf::from(folder))),
        _ => {
            eprintln!("usage: FOLDER");
            ExitCode::from(2)
        }
    }
}

fn run(folder: &Path) -> Result<(), Box<dyn Error>> {
    let made = rcgen::generate_simple_self_signed(["localhost", "127.0.0.1"].map(String::from))?;
    write(&folder.join("cert.pem"), &made.cert.pem())?;
    write(&folder.join("key.pem"), &made.signing_key.serialize_pem())?;
    Ok(())
}

/// For our own eyes only; a file that is there is left as it is.
fn write(path: &Path, text: &str) -> Result<(), Box<dyn Error>> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path).and_then(|mut file| file.write_all(text.as_bytes()));
    file.map_err(|error| format!("{}: {error}", path.display()).into())
}
