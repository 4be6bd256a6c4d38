//! The terminal: width, colour, and pace. In a pipe: plain lines at once.

use std::{
    io::{self, IsTerminal, Write},
    time::Duration,
};

use anstream::AutoStream;
use anstyle::Style;
use unicode_width::UnicodeWidthStr;

use crate::words::{FAINT, PLAIN};

/// Words in their styles.
pub(crate) type Words = [(Style, String)];

/// How long a character is looked at. A page of this takes about a minute.
const PER_CHARACTER: Duration = Duration::from_millis(22);
const SHORTEST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_millis(2200);

/// How often the progress line is drawn anew.
const TICK: Duration = Duration::from_millis(60);

const NARROW: usize = 60;
const WIDEST: usize = 168;
const IN_A_PIPE: usize = 100;

pub(crate) struct Screen {
    out: AutoStream<io::Stdout>,
    width: usize,
    paced: bool,
    lively: bool,
    progress: String,
}

impl Screen {
    pub(crate) fn new(fast: bool) -> Self {
        let is_terminal = io::stdout().is_terminal();
        let width = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
        let width = if is_terminal { width.unwrap_or(80).clamp(NARROW, WIDEST) } else { IN_A_PIPE };
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let paced = is_terminal && !fast;
        let out = anstream::stdout();
        Self { out, width, paced, lively: paced && !dumb, progress: String::new() }
    }

    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// Prints one line.
    pub(crate) fn line(&mut self, words: &Words) -> io::Result<()> {
        self.clear_progress()?;
        for (style, text) in words {
            write!(self.out, "{style}{text}{style:#}")?;
        }
        writeln!(self.out)
    }

    pub(crate) fn blank(&mut self) -> io::Result<()> {
        self.line(&[])
    }

    /// Prints text over as many lines as it takes, each after `indent`.
    pub(crate) fn paragraph(&mut self, indent: usize, style: Style, text: &str) -> io::Result<()> {
        let words = [(style, text.split_whitespace().collect::<Vec<_>>().join(" "))];
        for mut line in wrap(&words, self.width.saturating_sub(indent + 2).min(100)) {
            line.insert(0, (style, " ".repeat(indent)));
            self.line(&line)?;
        }
        Ok(())
    }

    /// Prints text beside a label, over as many lines as it takes.
    pub(crate) fn labelled(&mut self, label: usize, style: Style, name: &str, words: &Words) -> io::Result<()> {
        let indent = label + 2;
        for (number, mut line) in wrap(words, self.width.saturating_sub(indent + 2).min(100)).into_iter().enumerate() {
            let name = if number == 0 { name } else { "" };
            line.insert(0, (style, format!("  {name:<label$}")));
            self.line(&line)?;
        }
        Ok(())
    }

    /// Gives people time to read, while `progress` tells, by the thousandths of it that have passed, how
    /// far the story is.
    pub(crate) async fn pause(&mut self, characters: usize, progress: impl Fn(u128) -> String) -> io::Result<()> {
        if !self.paced {
            return Ok(());
        }
        let characters = u32::try_from(characters).unwrap_or(u32::MAX);
        let pause = PER_CHARACTER.saturating_mul(characters).clamp(SHORTEST, LONGEST);
        let begin = tokio::time::Instant::now();
        while begin.elapsed() < pause {
            self.draw_progress(progress(begin.elapsed().as_millis() * 1000 / pause.as_millis().max(1)))?;
            tokio::time::sleep(TICK.min(pause.saturating_sub(begin.elapsed()))).await;
        }
        Ok(())
    }

    /// A line that is gone with the next one.
    pub(crate) fn draw_progress(&mut self, progress: String) -> io::Result<()> {
        if !self.lively || progress == self.progress {
            return Ok(());
        }
        write!(self.out, "\r\x1b[2K{FAINT}{progress}{PLAIN}")?;
        self.progress = progress;
        self.out.flush()
    }

    pub(crate) fn clear_progress(&mut self) -> io::Result<()> {
        if !std::mem::take(&mut self.progress).is_empty() {
            write!(self.out, "\r\x1b[2K")?;
        }
        Ok(())
    }
}

/// Breaks words into lines of at most `width` columns. A longer word stands alone.
pub(crate) fn wrap(words: &Words, width: usize) -> Vec<Vec<(Style, String)>> {
    let mut lines = Vec::new();
    let mut line: Vec<(Style, String)> = Vec::new();
    let mut used = 0;
    for (style, text) in words {
        for word in text.split(' ') {
            let columns = word.width();
            if used > 0 && used + 1 + columns > width {
                lines.push(std::mem::take(&mut line));
                used = 0;
            }
            let gap = usize::from(used > 0);
            used += gap + columns;
            match line.last_mut() {
                Some((last, text)) if last == style => *text = format!("{text}{}{word}", " ".repeat(gap)),
                _ => {
                    // The gap belongs to neither style: an underline must not run on.
                    line.extend((gap > 0).then(|| (Style::new(), " ".to_owned())));
                    line.push((*style, word.to_owned()));
                }
            }
        }
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

/// How many columns a line takes.
pub(crate) fn columns(line: &Words) -> usize {
    line.iter().map(|(_, text)| text.width()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_between_words_and_styles_are_kept() {
        let bold = Style::new().bold();
        let lines = wrap(&[(bold, "state".to_owned()), (Style::new(), "signed in again".to_owned())], 12);
        let texts: Vec<String> =
            lines.iter().map(|line| line.iter().map(|(_, text)| text.as_str()).collect()).collect();
        assert_eq!(texts, ["state signed", "in again"]);
        assert_eq!(lines[0][0], (bold, "state".to_owned()));
        assert!(lines.iter().all(|line| columns(line) <= 12));
        assert_eq!(wrap(&[(bold, "unbreakable".to_owned())], 4).len(), 1);
        assert!(wrap(&[], 10).is_empty());
    }
}
