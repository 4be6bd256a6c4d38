//! A QR code in a terminal: two squares in each letter, and a light margin around.

use anstyle::{AnsiColor, Color, Style};
use mainstay::driver::QrMatrix;

/// Light is drawn, dark is left out: so it is right on a dark terminal without colours, and on every one with them.
pub(super) const STYLE: Style =
    Style::new().fg_color(Some(Color::Ansi(AnsiColor::BrightWhite))).bg_color(Some(Color::Ansi(AnsiColor::Black)));

/// Light squares around a code (ISO/IEC 18004).
const MARGIN: usize = 4;

pub(super) fn lines(qr: &QrMatrix) -> Vec<String> {
    let all = qr.size().saturating_add(2 * MARGIN);
    let light = |x: usize, y: usize| match (x.checked_sub(MARGIN), y.checked_sub(MARGIN)) {
        (Some(x), Some(y)) => !qr.is_dark(x, y),
        _ => true,
    };
    let line = |y: usize| {
        let letter = |x: usize| match (light(x, y), y + 1 >= all || light(x, y + 1)) {
            (true, true) => '█',
            (true, false) => '▀',
            (false, true) => '▄',
            (false, false) => ' ',
        };
        (0..all).map(letter).collect()
    };
    (0..all).step_by(2).map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_is_the_code_with_a_margin() {
        let qr = QrMatrix::new("https://id.example/device?user_code=WDJB-MJHT").unwrap();
        let lines: Vec<Vec<char>> = lines(&qr).iter().map(|line| line.chars().collect()).collect();
        let light = |x: usize, y: usize| {
            let letter = lines[y / 2][x];
            letter == '█' || letter == if y.is_multiple_of(2) { '▀' } else { '▄' }
        };
        for y in 0..qr.size() + 2 * MARGIN {
            for x in 0..qr.size() + 2 * MARGIN {
                let inside = x >= MARGIN && y >= MARGIN && qr.is_dark(x - MARGIN, y - MARGIN);
                assert_eq!(light(x, y), !inside, "{x} {y}");
            }
        }
    }
}
