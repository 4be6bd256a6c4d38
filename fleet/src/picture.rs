//! Pictures of load against time: one panel per client, all of one scale, as SVG and as PNG.
//!
//! Panels instead of one diagram with many lines, so that nobody needs to tell colours apart.

use std::{
    fs,
    path::{Path, PathBuf},
};

use plotters::{
    coord::Shift,
    prelude::*,
    style::{
        FontStyle, register_font,
        text_anchor::{HPos, Pos, VPos},
    },
};

/// One client's load.
#[derive(Clone, Debug)]
pub struct Panel {
    /// Whose load it is.
    pub title: String,
    /// What it came to, in a few words.
    pub result: String,
    /// Token requests in each second, the first at [`Picture::begins`] before zero.
    pub load: Vec<u32>,
    /// In which second after the incident's beginning 99 of 100 devices were back, if they were.
    pub back: Option<usize>,
}

/// A picture to be drawn.
#[derive(Clone, Debug)]
pub struct Picture {
    /// The headline.
    pub title: String,
    /// A line below it: how many devices, which capacity.
    pub subtitle: String,
    /// The panels, from top to bottom.
    pub panels: Vec<Panel>,
    /// Token requests per second that the server can answer.
    pub capacity: u32,
    /// Seconds before the incident in [`Panel::load`].
    pub begins: usize,
    /// Seconds from the incident's beginning to the server's repair; zero if the server was there all the time.
    pub down_for: usize,
}

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// No font to write with.
    #[error("found no font to write with; on Debian, `apt-get install fonts-dejavu-core` brings one")]
    NoFont,
    /// A file or folder cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The drawing library gave up.
    #[error("cannot draw {}: {reason}", path.display())]
    Drawing {
        /// Which picture.
        path: PathBuf,
        /// What it said.
        reason: String,
    },
}

/// Plain and bold, where common systems keep them.
const FONTS: &[(&str, &str)] = &[
    ("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf", "/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf"),
    ("/usr/share/fonts/dejavu-sans-fonts/DejaVuSans.ttf", "/usr/share/fonts/dejavu-sans-fonts/DejaVuSans-Bold.ttf"),
    ("/usr/share/fonts/TTF/DejaVuSans.ttf", "/usr/share/fonts/TTF/DejaVuSans-Bold.ttf"),
    ("/System/Library/Fonts/Supplemental/Arial.ttf", "/System/Library/Fonts/Supplemental/Arial Bold.ttf"),
    ("C:\\Windows\\Fonts\\arial.ttf", "C:\\Windows\\Fonts\\arialbd.ttf"),
];
const FONT: &str = "sans-serif";

const WIDTH: u32 = 1000;
const HEAD: u32 = 74;
const PANEL: u32 = 168;
const FOOT: u32 = 26;
/// Load above this many times the capacity is cut off, so that one stampede does not flatten everything else.
const HIGHEST: u32 = 3;

const INK: RGBColor = RGBColor(34, 34, 34);
const FAINT: RGBColor = RGBColor(110, 110, 110);
/// From Okabe and Ito's palette: told apart by everybody, and in print.
const LOAD: RGBColor = RGBColor(86, 180, 233);
const OVER: RGBColor = RGBColor(213, 94, 0);
const BACK: RGBColor = RGBColor(0, 114, 90);

impl Picture {
    /// Writes `NAME.svg` and `NAME.png` into `folder`, which is made if need be.
    ///
    /// # Errors
    /// Install a font, or choose a folder that can be written.
    pub fn write(&self, folder: &Path, name: &str) -> Result<(), PictureError> {
        let (plain, bold) = FONTS.iter().find(|(plain, _)| Path::new(plain).exists()).ok_or(PictureError::NoFont)?;
        register(FontStyle::Normal, plain)?;
        register(FontStyle::Bold, if Path::new(bold).exists() { bold } else { plain })?;
        fs::create_dir_all(folder).map_err(|source| PictureError::File { path: folder.to_path_buf(), source })?;
        let svg = folder.join(format!("{name}.svg"));
        self.draw(SVGBackend::new(&svg, self.size(1)), 1).map_err(|reason| drawing(&svg, reason))?;
        let png = folder.join(format!("{name}.png"));
        self.draw(BitMapBackend::new(&png, self.size(2)), 2).map_err(|reason| drawing(&png, reason))
    }

    fn size(&self, scale: u32) -> (u32, u32) {
        let panels = u32::try_from(self.panels.len()).unwrap_or(1);
        (WIDTH * scale, (HEAD + PANEL * panels + FOOT) * scale)
    }

    fn draw<B: DrawingBackend>(&self, backend: B, scale: u32) -> Result<(), String> {
        let root = backend.into_drawing_area();
        self.draw_on(&root, Scale(scale)).and_then(|()| root.present()).map_err(|error| error.to_string())
    }

    fn draw_on<B: DrawingBackend>(&self, root: &Area<B>, scale: Scale) -> Drawn<B> {
        root.fill(&WHITE)?;
        let (head, rest) = root.split_vertically(scale.px(HEAD));
        head.draw(&Text::new(self.title.as_str(), scale.at(16, 12), scale.bold(22, INK)))?;
        head.draw(&Text::new(self.subtitle.as_str(), scale.at(16, 42), scale.plain(15, FAINT)))?;
        let ends = self.ends();
        for (index, panel) in self.panels.iter().enumerate() {
            let above = u32::try_from(index).unwrap_or(0) * PANEL;
            let last = index + 1 == self.panels.len();
            let height = if last { PANEL + FOOT } else { PANEL };
            let (_, from_here) = rest.split_vertically(scale.px(above));
            let (area, _) = from_here.split_vertically(scale.px(height));
            self.draw_panel(&area, panel, ends, last, scale)?;
        }
        Ok(())
    }

    /// Every panel ends when the slowest is back, or has nothing more to show.
    fn ends(&self) -> usize {
        let shown = |panel: &Panel| panel.back.map_or(panel.load.len().saturating_sub(self.begins), |back| back + 45);
        self.panels.iter().map(shown).max().unwrap_or_default().max(120)
    }

    fn draw_panel<B: DrawingBackend>(
        &self,
        area: &Area<B>,
        panel: &Panel,
        ends: usize,
        last: bool,
        scale: Scale,
    ) -> Drawn<B> {
        let minutes = |second: f64| second / 60.0;
        let (from, to) = (-minutes(count(self.begins)), minutes(count(ends)));
        let capacity = f64::from(self.capacity);
        let top = capacity * f64::from(HIGHEST);
        area.draw(&Text::new(panel.title.as_str(), scale.at(66, 8), scale.bold(16, INK)))?;
        let right = scale.plain(15, INK).pos(Pos::new(HPos::Right, VPos::Top));
        area.draw(&Text::new(panel.result.as_str(), scale.at(WIDTH - 24, 8), right))?;
        let mut chart = ChartBuilder::on(area)
            .margin_top(scale.px(30))
            .margin_right(scale.px(24))
            .margin_left(scale.px(6))
            .margin_bottom(scale.px(4))
            .x_label_area_size(scale.px(if last { 24 + FOOT } else { 24 }))
            .y_label_area_size(scale.px(60))
            .build_cartesian_2d(from..to, 0.0..top)?;
        if self.down_for > 0 {
            let down = [(0.0, 0.0), (minutes(count(self.down_for)), top)];
            chart.draw_series([Rectangle::new(down, BLACK.mix(0.08).filled())])?;
        }
        chart
            .configure_mesh()
            .disable_x_mesh()
            .bold_line_style(BLACK.mix(0.10))
            .light_line_style(TRANSPARENT)
            .axis_style(FAINT)
            .label_style(scale.plain(13, INK))
            .axis_desc_style(scale.plain(14, INK))
            .x_labels(10)
            .y_labels(4)
            .x_label_formatter(&|minute| format!("{minute:.0}"))
            .y_label_formatter(&|load| format!("{load:.0}"))
            .x_desc(if last { "minutes since the incident began" } else { "" })
            .y_desc("requests/s")
            .draw()?;
        let bars = self.bars(panel, ends);
        let width = minutes(count(self.bar(ends)));
        let rectangle = |(second, low, high): (f64, f64, f64)| {
            let left = minutes(second);
            [(left, low), (left + width, high)]
        };
        let within = bars.iter().map(|(second, load)| (*second, 0.0, load.min(capacity)));
        chart.draw_series(within.map(|bar| Rectangle::new(rectangle(bar), LOAD.filled())))?;
        let over = bars.iter().filter(|(_, load)| *load > capacity);
        let over = over.map(|(second, load)| (*second, capacity, load.min(top)));
        chart.draw_series(over.map(|bar| Rectangle::new(rectangle(bar), OVER.filled())))?;
        let line = INK.stroke_width(scale.0 + scale.0 / 2);
        chart.draw_series(DashedLineSeries::new([(from, capacity), (to, capacity)], scale.px(7), scale.px(5), line))?;
        if let Some(back) = panel.back {
            let at = minutes(count(back));
            chart.draw_series(LineSeries::new([(at, 0.0), (at, top)], BACK.stroke_width(2 * scale.0)))?;
            let no_room = at > to - (to - from) / 10.0;
            let side = if no_room { HPos::Right } else { HPos::Left };
            let nudge = (to - from) / 150.0;
            let place = if no_room { at - nudge } else { at + nudge };
            let style = scale.bold(13, BACK).pos(Pos::new(side, VPos::Top));
            chart.draw_series([Text::new("99 % back", (place, top * 0.97), style)])?;
        }
        if bars.iter().any(|(_, load)| *load > top) {
            let cut = bars.iter().filter(|(_, load)| *load > top);
            let caps = cut.map(|(second, _)| (*second, top * 0.96, top));
            chart.draw_series(caps.map(|bar| Rectangle::new(rectangle(bar), INK.filled())))?;
        }
        Ok(())
    }

    /// How many seconds one bar stands for: there is no room for more than a few hundred bars.
    fn bar(&self, ends: usize) -> usize {
        (ends + self.begins).div_ceil(450).max(1)
    }

    /// Bars as (second since the incident began, mean load).
    fn bars(&self, panel: &Panel, ends: usize) -> Vec<(f64, f64)> {
        let bar = self.bar(ends);
        let shown = panel.load.get(..(self.begins + ends).min(panel.load.len())).unwrap_or_default();
        let mean = |loads: &[u32]| f64::from(loads.iter().sum::<u32>()) / count(bar);
        shown.chunks(bar).enumerate().map(|(n, loads)| (count(n * bar) - count(self.begins), mean(loads))).collect()
    }
}

type Area<B> = DrawingArea<B, Shift>;
type Drawn<B> = Result<(), DrawingAreaErrorKind<<B as DrawingBackend>::ErrorType>>;

/// How many pixels make one of the picture's units: the PNG is for screens with twice the pixels.
#[derive(Clone, Copy)]
struct Scale(u32);

impl Scale {
    fn px(self, units: u32) -> i32 {
        i32::try_from(units * self.0).unwrap_or(i32::MAX)
    }

    fn at(self, x: u32, y: u32) -> (i32, i32) {
        (self.px(x), self.px(y))
    }

    fn plain(self, size: u32, colour: RGBColor) -> TextStyle<'static> {
        (FONT, self.px(size)).into_font().color(&colour)
    }

    fn bold(self, size: u32, colour: RGBColor) -> TextStyle<'static> {
        (FONT, self.px(size), FontStyle::Bold).into_font().color(&colour)
    }
}

fn register(style: FontStyle, file: &str) -> Result<(), PictureError> {
    let bytes = fs::read(file).map_err(|source| PictureError::File { path: file.into(), source })?;
    // The drawing library wants fonts that live as long as the program; there are two.
    register_font(FONT, style, Box::leak(bytes.into_boxed_slice())).map_err(|_| PictureError::NoFont)
}

fn drawing(path: &Path, reason: String) -> PictureError {
    PictureError::Drawing { path: path.to_path_buf(), reason }
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}
