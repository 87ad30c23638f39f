//! What the programs of the pocket family share: settings, a logger, and a server that runs until Ctrl-C.

use std::io::{self, Write};

use log::{LevelFilter, Log, Metadata, Record};
use ws_mio::{Config, OriginPolicy, Serve, Server, Settings};

/// Serves until Ctrl-C; then everybody is told with 1001.
pub(crate) fn serve(settings: &Settings, service: impl Serve + 'static) -> io::Result<()> {
    log_to_stdout(settings.is_quiet());
    let mut config = Config::default();
    // These programs are for trying out, from whatever page.
    config.handshake.origin = OriginPolicy::Any;
    let mut server = Server::new(config)?;
    let addresses = server.listen_all(settings.addresses(), service)?;
    let handle = server.handle();
    ctrlc::set_handler(move || handle.stop()).map_err(io::Error::other)?;
    for address in addresses {
        println!("listening on ws://{address}");
    }
    io::stdout().flush()?;
    server.run()
}

/// Has what is logged printed, unless the program is to be quiet.
fn log_to_stdout(is_quiet: bool) {
    // It fails only if there is a logger already, which is as good.
    let _ = log::set_logger(&Printer);
    log::set_max_level(if is_quiet {
        LevelFilter::Error
    } else {
        LevelFilter::Info
    });
}

struct Printer;

impl Log for Printer {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            println!("{:5} {}", record.level(), record.args());
        }
    }

    fn flush(&self) {}
}
