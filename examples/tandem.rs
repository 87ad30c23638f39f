//! Several protocols in one thread: WebSocket, HTTP pages and a chat in lines of text on one port, and on a second port a
//! protocol in which the server speaks first, as that of FTP.
//!
//! `cargo run --release --example tandem`, then, all at once: a browser at <http://127.0.0.1:9001/>, `nc 127.0.0.1 9001`,
//! `curl http://127.0.0.1:9001/health`, and `nc 127.0.0.1` with the second port, which it prints. Who says nothing on the first port is greeted as on the second.

use std::error::Error;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use examples::args::{ServerArgs, announce};
use examples::outcome;
use ws_mio::{
    Agreed, Answer, Arrival, Client, Context, Detect, Http, Lines, Payload, Request, Response, Server, Speaker, Talk,
    each,
};

fn main() -> ExitCode {
    outcome::exit_code(run(&ServerArgs::parse()))
}

fn run(args: &ServerArgs) -> Result<(), Box<dyn Error>> {
    let mut server = Server::new(args.config())?;
    let (one_port, greeting) = listen(&mut server, &args.address(), &format!("{}:0", args.host))?;
    let handle = server.handle();
    ctrlc::set_handler(move || handle.stop())?;
    println!("a greeting protocol on {greeting}");
    announce(one_port);
    Ok(server.run()?)
}

/// Listens on a port for everything, and on one for the greeting protocol.
fn listen(server: &mut Server, everything: &str, greeting: &str) -> std::io::Result<(SocketAddr, SocketAddr)> {
    let service = Detect::new()
        .http(Http::new(answer))
        .silent_after(SILENCE, each(|| Lines::new(Greeter)))
        .otherwise(each(|| Lines::new(Member::default())));
    let everything = server.listen(everything, service)?;
    let greeting = server.listen(greeting, each(|| Lines::new(Greeter)))?;
    Ok((everything, greeting))
}

fn answer(request: &Request, _arrival: &Arrival) -> Answer {
    match request.path() {
        "/" => {
            let page = Response::new(200).with_body(PAGE);
            // The value is one, so this never fails.
            Answer::page(
                page.with_header("Content-Type", "text/html; charset=utf-8")
                    .unwrap_or(Response::new(500)),
            )
        }
        "/health" => Answer::page(Response::new(200).with_body("well\n")),
        "/ws" => Answer::client(Member::default()),
        _ => Answer::page(Response::new(404).with_body("no such page\n")),
    }
}

/// Somebody in the room, over whatever protocol.
#[derive(Default)]
struct Member {
    name: String,
}

impl Member {
    fn words(&self, text: &str) -> String {
        format!("{}: {text}", self.name)
    }
}

/// Over WebSocket.
impl Client for Member {
    fn open(&mut self, context: &mut Context<'_>, _agreed: &Agreed) {
        self.name = format!("web {}", context.id());
        context.subscribe(ROOM);
    }

    fn recv_text(&mut self, context: &mut Context<'_>, text: &str) {
        context.publish(ROOM, &self.words(text));
    }
}

/// In lines.
impl Talk for Member {
    fn greet(&mut self, speaker: &mut Speaker<'_>) {
        self.name = format!("line {}", speaker.id());
        speaker.subscribe(ROOM);
    }

    fn hear(&mut self, speaker: &mut Speaker<'_>, line: &str) {
        speaker.publish(ROOM, &self.words(line));
    }
}

/// Speaks first, and knows a few words of FTP (RFC 959), enough to say goodbye.
struct Greeter;

impl Talk for Greeter {
    fn greet(&mut self, speaker: &mut Speaker<'_>) {
        speaker.say("220 tandem at your service");
    }

    fn hear(&mut self, speaker: &mut Speaker<'_>, line: &str) {
        let (word, _) = line.split_once(' ').unwrap_or((line, ""));
        match word.to_ascii_uppercase().as_str() {
            "USER" => speaker.say("331 and the password?"),
            "PASS" => speaker.say("230 welcome"),
            "SYST" => speaker.say("215 UNIX Type: L8"),
            "NOOP" => speaker.say("200 nothing done"),
            "STAT" => {
                let count = speaker.clients().subscribers(ROOM);
                speaker.say(&format!("211 {count} in the room"));
            }
            "QUIT" => {
                speaker.say("221 goodbye");
                speaker.end();
            }
            _ => speaker.say("502 not known here"),
        }
    }

    fn pass_on(&mut self, _speaker: &mut Speaker<'_>, _message: Payload<'_>) {
        // Who is only greeted is not in the room.
    }
}

const ROOM: &str = "room";

/// How long to wait for a peer to speak first: longer than a packet that got lost takes to be sent again.
const SILENCE: Duration = Duration::from_millis(1500);

const PAGE: &str = "<!doctype html><title>tandem</title><pre id=log></pre><input id=line autofocus>
<script>
const socket = new WebSocket(location.href.replace('http', 'ws') + 'ws');
const say = text => { log.textContent += text + '\\n' };
socket.onmessage = event => say(event.data);
line.onchange = () => { socket.send(line.value); say(line.value); line.value = '' };
</script>
";

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
    use std::net::TcpStream;
    use std::process::Command;
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    /// A browser's page and its WebSocket, curl, a plain TCP client and one that waits to be greeted: all at once.
    #[test]
    fn everybody_is_served_on_one_port_at_once() {
        let (tell, told) = mpsc::channel();
        let serving = thread::spawn(move || {
            let mut server = Server::new(ws_mio::Config::default()).unwrap();
            let addresses = listen(&mut server, "127.0.0.1:0", "127.0.0.1:0").unwrap();
            tell.send((addresses, server.handle())).unwrap();
            server.run().unwrap();
        });
        let ((address, greeting), handle) = told.recv().unwrap();

        let mut silent = BufReader::new(connect(address));
        let mut greeted = BufReader::new(connect(greeting));
        let mut web = connect(address);
        web.write_all(REQUEST).unwrap();
        let mut web = BufReader::new(web);
        until(&mut web, "");
        let mut plain = BufReader::new(connect(address));
        plain.get_mut().write_all(b"hello from a line\r\n").unwrap();
        let mut frame = [0; 2];
        web.read_exact(&mut frame).unwrap();
        let mut text = vec![0; usize::from(frame[1])];
        web.read_exact(&mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(frame[0] == 0x81 && text.ends_with(": hello from a line"), "{text}");

        // While all of those are open.
        assert_eq!(curl(address, "/health"), "well\n");
        assert!(curl(address, "/").contains("new WebSocket"));

        web.get_mut().write_all(b"\x81\x88\0\0\0\0from web").unwrap();
        until(&mut plain, ": from web");
        until(&mut greeted, "220 tandem at your service");
        greeted.get_mut().write_all(b"USER me\r\nSTAT\r\nQUIT\r\n").unwrap();
        until(&mut greeted, "331 and the password?");
        until(&mut greeted, "211 2 in the room");
        until(&mut greeted, "221 goodbye");
        until(&mut silent, "220 tandem at your service");
        handle.stop_within(Duration::ZERO);
        serving.join().unwrap();
    }

    /// Fetches a page, with curl if there is one.
    fn curl(address: SocketAddr, path: &str) -> String {
        let url = format!("http://{address}{path}");
        match Command::new("curl")
            .args(["--silent", "--show-error", "--noproxy", "*", &url])
            .output()
        {
            Ok(output) => String::from_utf8(output.stdout).unwrap(),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let mut stream = connect(address);
                write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
                let mut answer = String::new();
                stream.read_to_string(&mut answer).unwrap();
                answer.split_once("\r\n\r\n").unwrap().1.to_owned()
            }
            Err(error) => panic!("{error}"),
        }
    }

    fn connect(address: SocketAddr) -> TcpStream {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream
    }

    /// Reads lines up to one that ends like this; for an empty end, up to an empty line.
    fn until(reader: &mut BufReader<TcpStream>, end: &str) {
        loop {
            let mut line = String::new();
            assert!(reader.read_line(&mut line).unwrap() > 0, "ended before '{end}'");
            let line = line.trim_end();
            if line.ends_with(end) && (!end.is_empty() || line.is_empty()) {
                return;
            }
        }
    }

    const REQUEST: &[u8] = b"GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
}
