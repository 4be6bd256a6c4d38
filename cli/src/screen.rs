//! What reaches a terminal: wrapped to its width, coloured where it can show colours, and free of what it would obey.

use std::io::{self, IsTerminal, Write};

use anstyle::{AnsiColor, Color, Style};
use serde_json::Value;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::trouble::Trouble;

pub(crate) const NORMAL: Style = Style::new();
pub(crate) const STRONG: Style = Style::new().bold();
pub(crate) const FAINT: Style = Style::new().dimmed();
pub(crate) const GOOD: Style = Style::new().fg_color(Some(Color::Ansi(AnsiColor::Green)));
pub(crate) const BAD: Style = Style::new().fg_color(Some(Color::Ansi(AnsiColor::Red))).bold();
pub(crate) const ODD: Style = Style::new().fg_color(Some(Color::Ansi(AnsiColor::Yellow)));

/// The width where nobody says how wide the terminal is.
const USUAL: usize = 80;
/// The narrowest that is respected, and the widest that can be read.
const NARROWEST: usize = 24;
const WIDEST: usize = 100;
/// Where the second column begins, where there is room for two.
const COLUMN: usize = 15;
/// The longest stored text that is shown.
const LONGEST: usize = 200;

pub(crate) struct Screen {
    out: Box<dyn Write>,
    width: usize,
}

impl Screen {
    pub(crate) fn new() -> Self {
        Self { out: Box::new(anstream::stdout()), width: width(io::stdout().is_terminal()) }
    }

    pub(crate) fn on_standard_error() -> Self {
        Self { out: Box::new(anstream::stderr()), width: width(io::stderr().is_terminal()) }
    }

    pub(crate) fn blank(&mut self) -> io::Result<()> {
        writeln!(self.out)
    }

    /// Text over as many lines as it takes, each after `indent`.
    pub(crate) fn paragraph(&mut self, indent: usize, style: Style, text: &str) -> io::Result<()> {
        for line in wrap(text, self.width.saturating_sub(indent)) {
            writeln!(self.out, "{:indent$}{style}{line}{style:#}", "")?;
        }
        Ok(())
    }

    /// A line that is not broken: people copy it, or a camera reads it.
    pub(crate) fn line(&mut self, style: Style, text: &str) -> io::Result<()> {
        writeln!(self.out, "{style}{text}{style:#}")
    }

    /// A label and what is to be said about it, beside it or, in a narrow terminal, below it.
    pub(crate) fn entry(&mut self, label: &str, style: Style, text: &str) -> io::Result<()> {
        if self.width < 3 * COLUMN {
            self.paragraph(2, STRONG, label)?;
            return self.paragraph(4, style, text);
        }
        for (at, line) in wrap(text, self.width.saturating_sub(COLUMN)).iter().enumerate() {
            let label = if at == 0 { label } else { "" };
            writeln!(self.out, "  {FAINT}{label:<0$}{FAINT:#}{style}{line}{style:#}", COLUMN - 2)?;
        }
        Ok(())
    }

    /// A mark, a name, and what stands at the line's end if there is room, else below.
    pub(crate) fn item(&mut self, mark: (Style, &str), text: &str, end: &str) -> io::Result<()> {
        let (style, mark) = mark;
        let free = self.width.saturating_sub(4 + text.width() + 2);
        if !end.is_empty() && end.width() <= free {
            let gap = free + 2 - end.width();
            return writeln!(self.out, "  {style}{mark}{style:#} {text}{:gap$}{FAINT}{end}{FAINT:#}", "");
        }
        // Never broken: it is a name that people copy.
        writeln!(self.out, "  {style}{mark}{style:#} {text}")?;
        if end.is_empty() { Ok(()) } else { self.paragraph(4, FAINT, end) }
    }

    /// A line that people copy, as it is.
    pub(crate) fn verbatim(&mut self, line: &str) -> io::Result<()> {
        writeln!(self.out, "{line}")
    }

    pub(crate) fn json(&mut self, document: &Value) -> io::Result<()> {
        writeln!(self.out, "{}", ascii(document))
    }

    pub(crate) fn trouble(&mut self, trouble: &Trouble) -> io::Result<()> {
        self.paragraph(0, BAD, &format!("mainstay: {trouble}"))?;
        self.paragraph(0, NORMAL, trouble.next())
    }
}

fn width(is_terminal: bool) -> usize {
    let told = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0)).filter(|_| is_terminal);
    let asked = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    told.or(asked).unwrap_or(USUAL).clamp(NARROWEST, WIDEST)
}

/// A sentence that begins as one.
pub(crate) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// A document in ASCII: what a terminal would obey is spelled out, and so is every letter that is not in it.
pub(crate) fn ascii(document: &Value) -> String {
    let mut text = String::new();
    for letter in format!("{document:#}").chars() {
        if letter == '\n' || matches!(letter, ' '..='~') {
            text.push(letter);
        } else {
            letter.encode_utf16(&mut [0; 2]).iter().for_each(|unit| text.push_str(&format!("\\u{unit:04x}")));
        }
    }
    text
}

/// A text from outside, with everything spelled out that a terminal would obey or that would hide or turn what stands
/// beside it, and no longer than anybody reads.
pub(crate) fn printable(text: &str) -> String {
    let mut shown = String::new();
    for (at, letter) in text.chars().enumerate() {
        if at == LONGEST {
            shown.push('…');
            break;
        }
        let hidden = matches!(letter,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}');
        if letter.is_control() || hidden {
            shown.extend(letter.escape_unicode());
        } else {
            shown.push(letter);
        }
    }
    shown
}

/// Breaks text into lines of at most `width` columns, between words where that goes.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(8);
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        if used > 0 && used + 1 + word.width() > width {
            lines.push(String::new());
            used = 0;
        }
        let gap = if used > 0 { " " } else { "" };
        for letter in gap.chars().chain(word.chars()) {
            let columns = letter.width().unwrap_or_default();
            if used + columns > width {
                lines.push(String::new());
                used = 0;
            }
            used += columns;
            if let Some(line) = lines.last_mut() {
                line.push(letter);
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_spelled_out() {
        let hostile = "ada\x1b[31m\u{9b}2J\u{202e}\r\n\u{200b}\t\u{7f}";
        let shown = printable(hostile);
        assert_eq!(shown, r"ada\u{1b}[31m\u{9b}2J\u{202e}\u{d}\u{a}\u{200b}\u{9}\u{7f}");
        let document = ascii(&serde_json::json!({ "subject": hostile, "name": "Åse 🙂" }));
        assert!(document.chars().all(|letter| letter == '\n' || matches!(letter, ' '..='~')), "{document}");
        let back: Value = serde_json::from_str(&document).unwrap();
        assert_eq!((back["subject"].as_str(), back["name"].as_str()), (Some(hostile), Some("Åse 🙂")));
        assert!(printable(&"a".repeat(100_000)).len() < 300);
    }

    #[test]
    fn no_line_is_wider_than_the_terminal_whatever_the_words() {
        let text = format!("a {} word 日本語日本語日本語 end", "x".repeat(50));
        for width in [8, 13, 40, 80] {
            let lines = wrap(&text, width);
            assert!(lines.iter().all(|line| line.width() <= width), "{lines:?}");
            assert_eq!(lines.concat().replace(' ', ""), text.replace(' ', ""));
        }
        assert_eq!(wrap("", 20), [""]);
    }
}
