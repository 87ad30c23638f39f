//! Clients with names, direct messages and channels. A message may begin with orders, a line each; what follows them is
//! sent on:
//!
//! | order | what it does |
//! |---|---|
//! | `#name bob` | gives the sender a name |
//! | `#client bob` | sends to bob alone |
//! | `#join news`, `#leave news` | begins or ends to get what is sent to a channel |
//! | `#channel news` | sends to a channel |
//!
//! Without a recipient it goes to all the others.
//!
//! `cargo run --release --example channels -- --port 9004`

#[path = "pocket_common.rs"]
mod pocket_common;

use std::process::ExitCode;

use examples::outcome;
use ws_mio::{Client, Context, Http, Logged, Observed, Settings};

#[derive(Default)]
struct Member;

/// Whom a message is for.
#[derive(Debug, PartialEq, Eq)]
enum To<'a> {
    All,
    Client(&'a str),
    Channel(&'a str),
}

impl Client for Member {
    fn recv_text(&mut self, context: &mut Context<'_>, text: &str) {
        let mut to = To::All;
        let mut rest = text;
        while let Some((order, what, behind)) = order(rest) {
            rest = behind;
            match order {
                "name" | "join" if what.is_empty() || what.len() > MAX_NAME => {
                    return tell(context, &format!("#error a name has 1 to {MAX_NAME} bytes"));
                }
                "name" => self.take_name(context, what),
                "join" => self.join(context, what),
                "leave" => drop(context.unsubscribe(what)),
                "client" => to = To::Client(what),
                "channel" => to = To::Channel(what),
                _ => return tell(context, &format!("#error the order '{order}' is not known")),
            }
        }
        if !rest.is_empty() {
            self.send(context, &to, rest);
        }
    }
}

impl Member {
    fn take_name(&mut self, context: &mut Context<'_>, name: &str) {
        let id = context.id();
        match context.clients().name(id, name) {
            Ok(()) => tell(context, &format!("#name {name}")),
            Err(_) => tell(context, &format!("#error somebody is '{name}' already")),
        }
    }

    fn join(&mut self, context: &mut Context<'_>, channel: &str) {
        let id = context.id();
        if context.clients().topics_of(id).count() < MAX_CHANNELS {
            context.subscribe(channel);
        } else {
            tell(
                context,
                &format!("#error nobody is in more than {MAX_CHANNELS} channels"),
            );
        }
    }

    fn send(&mut self, context: &mut Context<'_>, to: &To<'_>, text: &str) {
        let id = context.id();
        let name = context
            .clients()
            .name_of(id)
            .map_or_else(|| id.to_string(), ToOwned::to_owned);
        let text = format!("{name}: {text}");
        match to {
            To::All => context.send_others(&text),
            To::Channel(channel) => drop(context.publish(channel, &text)),
            To::Client(other) => match context.clients().find(other) {
                Some(other) => context.clients().send(other, &text),
                None => tell(context, &format!("#error nobody is '{other}'")),
            },
        }
    }
}

/// Takes an order off the front: its name, what it is about, and what comes behind its line.
fn order(text: &str) -> Option<(&str, &str, &str)> {
    let text = text.strip_prefix('#')?;
    let (line, behind) = text.split_once('\n').unwrap_or((text, ""));
    let (order, what) = line.trim_end().split_once(' ').unwrap_or((line.trim_end(), ""));
    Some((order, what.trim(), behind))
}

fn tell(context: &mut Context<'_>, text: &str) {
    // Who sends faster than it reads misses some of what it is told.
    let _ = context.send(text);
}

fn main() -> ExitCode {
    let settings = Settings::new(
        "channels",
        env!("CARGO_PKG_VERSION"),
        "Names, direct messages and channels.",
    );
    let settings = settings.port(9004).discover_or_exit();
    let service = Http::clients(|| Observed::new(Logged, Member));
    outcome::exit_code(pocket_common::serve(&settings, service))
}

/// The longest name of a client or a channel; whoever may send much must not have it kept.
const MAX_NAME: usize = 64;
const MAX_CHANNELS: usize = 20;
