//! Rust source as the layer rules see it: code without comments, strings and test modules.

/// A path such as `std::net::TcpStream`, use-groups written out; a lone identifier is one too.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Path {
    /// Counted from 1.
    pub(crate) line: usize,
    pub(crate) segments: Vec<String>,
    /// The two tokens that follow, joined.
    pub(crate) next: String,
}

impl Path {
    /// Whether the segments hold `wanted` (`a::b`) in a row.
    pub(crate) fn holds(&self, wanted: &str) -> bool {
        let wanted: Vec<&str> = wanted.split("::").collect();
        self.segments.windows(wanted.len()).any(|window| window == wanted)
    }
}

/// An integer literal.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Number {
    /// Counted from 1.
    pub(crate) line: usize,
    pub(crate) value: u64,
    pub(crate) hex: bool,
}

/// Blanks comments and the contents of literals; every line stays where it is.
pub(crate) fn strip(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment(rest)
        } else if let Some(literal) = literal(rest) {
            out.push('"');
            literal
        } else {
            let word = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
            // A whole word at once: its end must not be taken for a literal's prefix.
            let taken = word.max(first.len_utf8());
            out.push_str(&rest[..taken]);
            rest = &rest[taken..];
            continue;
        };
        out.extend(rest[..skipped].chars().filter(|&c| c == '\n'));
        rest = &rest[skipped..];
    }
    out
}

/// Blanks `#[cfg(test)] mod name { … }` in stripped text, and tells how many lines are left.
pub(crate) fn without_tests(stripped: &str) -> (String, usize) {
    let mut out = stripped.to_owned();
    let mut removed = 0;
    let mut from = 0;
    while let Some(at) = out[from..].find("#[cfg(test)]").map(|found| from + found) {
        let after = at + "#[cfg(test)]".len();
        from = after;
        let item = out[after..].trim_start();
        let open = out[after..].find(['{', ';']).map(|found| after + found);
        let Some(open) = open.filter(|&open| item.starts_with("mod ") && out[open..].starts_with('{')) else {
            continue;
        };
        let end = block_end(&out, open);
        let newlines = out[at..end].matches('\n').count();
        removed += newlines + 1;
        out.replace_range(at..end, &"\n".repeat(newlines));
        from = at + newlines;
    }
    let lines = out.lines().count().saturating_sub(removed);
    (out, lines)
}

/// All paths in stripped text.
pub(crate) fn paths(stripped: &str) -> Vec<Path> {
    let tokens = tokens(stripped);
    let text = |at: usize| tokens.get(at).map_or("", |&(_, text)| text);
    let mut found = Vec::new();
    let mut groups: Vec<Vec<String>> = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if text(at) == "}" {
            groups.pop();
        }
        if !starts_word(text(at)) {
            at += 1;
            continue;
        }
        let line = tokens[at].0;
        let mut segments = groups.last().cloned().unwrap_or_default();
        segments.push(text(at).to_owned());
        at += 1;
        while text(at) == "::" && (starts_word(text(at + 1)) || text(at + 1) == "*") {
            segments.push(text(at + 1).to_owned());
            at += 2;
        }
        if text(at) == "::" && text(at + 1) == "{" {
            groups.push(segments);
            at += 2;
        } else {
            let next = text(at).to_owned() + text(at + 1);
            found.push(Path { line, segments, next });
        }
    }
    found
}

/// All integer literals in stripped text.
pub(crate) fn numbers(stripped: &str) -> Vec<Number> {
    tokens(stripped)
        .into_iter()
        .filter_map(|(line, text)| number(line, text))
        .collect()
}

/// Words, `::`, and single characters for the rest; with their lines.
fn tokens(stripped: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (number, line) in stripped.lines().enumerate() {
        let mut rest = line.trim_start();
        while let Some(first) = rest.chars().next() {
            let len = match rest.find(|c: char| !is_word(c)).unwrap_or(rest.len()) {
                0 if rest.starts_with("::") => 2,
                0 => first.len_utf8(),
                word => word,
            };
            found.push((number + 1, &rest[..len]));
            rest = rest[len..].trim_start();
        }
    }
    found
}

fn number(line: usize, text: &str) -> Option<Number> {
    if !text.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let plain = text.replace('_', "");
    let (digits, radix) = match plain.get(..2) {
        Some("0x") => (&plain[2..], 16),
        Some("0b") => (&plain[2..], 2),
        Some("0o") => (&plain[2..], 8),
        _ => (plain.as_str(), 10),
    };
    // A suffix such as `u16` ends the digits.
    let digits = digits
        .find(|c: char| !c.is_digit(radix))
        .map_or(digits, |end| &digits[..end]);
    let value = u64::from_str_radix(digits, radix).ok()?;
    Some(Number {
        line,
        value,
        hex: radix == 16,
    })
}

/// The end of a block that opens at `open`.
fn block_end(stripped: &str, open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, c) in stripped[open..].char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return open + at + 1;
        }
    }
    stripped.len()
}

/// The length of a block comment, which may hold others.
fn block_comment(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < text.len() {
        let two = text.as_bytes().get(at..at + 2);
        match two {
            Some(b"/*") => depth += 1,
            Some(b"*/") => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

/// The length of a string or character literal, if one stands here.
fn literal(text: &str) -> Option<usize> {
    let prefixed = text.trim_start_matches(['b', 'c']);
    // At most one letter of prefix before `r` or the quote.
    if text.len() - prefixed.len() > 1 {
        return None;
    }
    let prefix = text.len() - prefixed.len();
    if let Some(raw) = prefixed.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        let body = raw[hashes..].strip_prefix('"')?;
        let close = format!("\"{}", "#".repeat(hashes));
        let end = body.find(&close).map_or(body.len(), |at| at + close.len());
        return Some(prefix + 1 + hashes + 1 + end);
    }
    if let Some(body) = prefixed.strip_prefix('"') {
        return Some(prefix + 1 + closing(body, '"'));
    }
    let body = prefixed.strip_prefix('\'')?;
    // `'a'` and `'\n'` are characters, `'a` alone is a lifetime.
    let second = body.chars().nth(1);
    if body.starts_with('\\') || second == Some('\'') {
        Some(prefix + 1 + closing(body, '\''))
    } else {
        None
    }
}

/// The length up to and with the closing quote.
fn closing(body: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in body.char_indices() {
        if c == quote && !escaped {
            return at + 1;
        }
        escaped = c == '\\' && !escaped;
    }
    body.len()
}

fn starts_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_vanish_and_lines_stay() {
        let text = "a // b\n/* c /* d */\n e */ f \"g\\\" h\" r#\"i \" j\"# 'k' '\\'' &'l m b\"n\" br\"o\"\n";
        assert_eq!(strip(text), "a \n\n f \" \" \" \" &'l m \" \"\n");
    }

    #[test]
    fn a_word_that_ends_like_a_prefix_is_no_literal() {
        assert_eq!(strip("for\"x\" number'"), "for\" number'");
    }

    #[test]
    fn groups_are_written_out() {
        let found: Vec<String> = paths("use std::{io::{self, Read}, net::*}; x::y(z)")
            .iter()
            .map(|path| path.segments.join("::"))
            .collect();
        assert_eq!(
            found,
            ["use", "std::io::self", "std::io::Read", "std::net::*", "x::y", "z"]
        );
    }

    #[test]
    fn a_path_may_break_over_lines() {
        let found = paths("std\n    ::net\n    ::TcpStream");
        assert!(found[0].holds("std::net"));
        assert!(!found[0].holds("std::TcpStream"));
    }

    #[test]
    fn numbers_are_read_in_every_form() {
        let values: Vec<(u64, bool)> = numbers("1_002u16 0x8_0 0b101 0xfusize 7")
            .iter()
            .map(|n| (n.value, n.hex))
            .collect();
        assert_eq!(values, [(1002, false), (128, true), (5, false), (15, true), (7, false)]);
    }

    #[test]
    fn test_modules_are_left_out_and_what_follows_stays() {
        let text = "a\n#[cfg(test)]\nmod tests {\n  fn b() {}\n}\nc\n#[cfg(test)]\nmod d;\ne\n";
        let (code, lines) = without_tests(text);
        assert!(!code.contains('b') && code.contains("mod d;"));
        assert_eq!(code.lines().count(), 9, "lines keep their numbers");
        assert_eq!(lines, 5);
    }
}
