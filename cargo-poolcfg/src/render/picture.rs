//! The address space as a picture: the window from its end down to 0 on a broken axis, the holes to
//! scale, and in them what the pools map and what is left.

mod filled;

use std::fmt::Write as _;

use clap::builder::styling::{AnsiColor, Style};
use poolcfg_core::{Layout, Plan, RelocationModel, ResolvedProcess, Shape, Size};

use crate::cli::terminal::Canvas;
use crate::cli::wrap::{glued, unglued};
use filled::{Filled, Window, fill};

pub(crate) use filled::Fold;

/// Columns of an address at the left of the picture.
const ADDRESS: usize = 12;

/// Columns that every picture takes: a size and a word beside an address.
const LEAST_WIDTH: usize = 40;

/// Draws the process of a case with what is guaranteed of each pool. Of pools that do not fit nothing is mapped.
///
/// The holes are drawn as small as ASLR makes them. A system whose layout is not modelled gets its holes
/// without addresses.
#[must_use]
pub(crate) fn draw(case: &ResolvedProcess<'_>, plan: &Plan, canvas: Canvas, fold: Fold) -> String {
    let limits = match plan.misfit {
        None => plan.guaranteed(),
        Some(_) => &[],
    };
    let mut window = fill(case, limits, fold);
    window.holes.retain(|hole| hole.size > 0);
    let drawn = |spare| drawn(case, &window, canvas.width, spare, fold);
    let least = drawn(0);
    let spare = canvas.height.saturating_sub(least.lines().count());
    drawn(u64::try_from(spare).unwrap_or(0))
}

/// The picture, in which the holes share `spare` lines between them, by size.
fn drawn(
    case: &ResolvedProcess<'_>,
    window: &Window,
    width: usize,
    spare: u64,
    fold: Fold,
) -> String {
    let mut picture = Picture::new(width, case.budget.limits.rlimit_as, fold == Fold::Least);
    let end = case.profile.window.get();
    let mut above = end;
    picture.edge(Some(above), '┌', '┐', "end of the window");
    let mut order: Vec<&Filled> = window.holes.iter().collect();
    order.sort_by_key(|hole| std::cmp::Reverse(hole.span.map_or(0, |span| span.top)));
    let all: u64 = order.iter().map(|hole| hole.size).sum();
    let ends_above_zero = order.iter().any(|hole| hole.span.is_some());
    let is_pie = case.shape.relocation_model == RelocationModel::Pie;
    let mut is_below_split = false;
    let [outside, beside_program] = elsewhere(case, &order, window.elsewhere);
    let mut order = order.into_iter().peekable();
    while let Some(hole) = order.next() {
        if let Some(span) = hole.span {
            if span.top < above {
                let free = if above == end {
                    outside
                } else {
                    beside_program
                };
                picture.gap(between(case, span.top, above), above - span.top, free);
                let note = if hole.is_split { SPLIT } else { "" };
                picture.edge(Some(span.top), '├', '┤', note);
            } else if is_below_split && is_pie {
                // What it takes is counted above, with what else is not the pools'.
                picture.text("program and heap", None);
                picture.edge(None, '├', '┤', "");
            }
            above = span.bottom;
        }
        is_below_split = hole.is_split;
        picture.hole(hole, all, spare);
        let bottom = hole.span.map(|span| span.bottom);
        if order.peek().is_none() && ends_above_zero && is_unused(case, above) {
            picture.edge(bottom, '└', '┘', "below: never mapped");
            return picture.text;
        }
        picture.edge(bottom, '├', '┤', "");
    }
    if ends_above_zero {
        if above > 0 {
            picture.gap(between(case, 0, above), above, 0);
        }
    } else {
        picture.gap(NOT_COUNTED, end.saturating_sub(all), 0);
    }
    picture.edge(Some(0), '└', '┘', "");
    picture.text
}

/// How much of what is free elsewhere is above the highest hole, and how much beside the program that lies between two
/// holes: there all is free but what the heap may skip.
fn elsewhere(case: &ResolvedProcess<'_>, order: &[&Filled], bytes: u64) -> [u64; 2] {
    let spans: Vec<_> = order.iter().filter_map(|hole| hole.span).collect();
    let beside = match (case.profile.layout, &spans[..]) {
        (Layout::Linux(linux), [upper, lower, ..]) => {
            let gap = upper.bottom.saturating_sub(lower.top);
            bytes.min(gap.saturating_sub(linux.brk_randomization.get()))
        }
        _ => 0,
    };
    [bytes - beside, beside]
}

/// What is outside the holes of a system whose addresses are not known.
const NOT_COUNTED: &str = "headroom, and what is not counted on";

/// Where the mmap base is in the hole below, ASLR decides: what is drawn as one hole is two with what lies at the base.
const SPLIT: &str = "up to 2 holes, by aslr";

/// What the addresses below the lowest hole mostly are; they take no lines of their own.
const NEVER_MAPPED: &str = "never mapped";

/// Whether nothing is below an address.
fn is_unused(case: &ResolvedProcess<'_>, below: u64) -> bool {
    below > 0 && between(case, 0, below) == NEVER_MAPPED
}

/// What lies between two addresses outside the holes.
fn between(case: &ResolvedProcess<'_>, bottom: u64, top: u64) -> &'static str {
    let Layout::Linux(linux) = case.profile.layout else {
        return "not counted on";
    };
    let Shape {
        relocation_model,
        stack_limit,
        layout,
        ..
    } = case.shape;
    let top_down = !stack_limit.is_unlimited() && !layout.is_legacy();
    let program =
        relocation_model == RelocationModel::Pie && (bottom..=top).contains(&linux.pie_base.get());
    match (top == case.profile.window.get(), top_down) {
        (true, true) if program => "stack and its gap, program and heap, aslr, headroom",
        (true, true) => "stack and its gap, aslr, headroom",
        (true, false) => "stack, aslr",
        (false, _) if program => "program and heap, aslr",
        (false, true) if bottom == 0 && relocation_model == RelocationModel::Static => {
            "program and heap"
        }
        (false, true) => NEVER_MAPPED,
        (false, false) => "headroom, aslr, and below not searched",
    }
}

struct Picture {
    text: String,
    inner: usize,
    /// `RLIMIT_AS`.
    limit: Option<Size>,
    /// Whether what is outside the holes has one word.
    is_short: bool,
}

impl Picture {
    fn new(width: usize, limit: Option<Size>, is_short: bool) -> Self {
        // The axis, a blank and the two sides.
        let inner = width.clamp(LEAST_WIDTH, 100) - ADDRESS - 3;
        Self {
            text: String::new(),
            inner,
            limit,
            is_short,
        }
    }

    fn edge(&mut self, address: Option<u64>, left: char, right: char, note: &str) {
        let address = address.map_or_else(String::new, |address| {
            Size::bytes(address).available().to_string()
        });
        let note = if note.is_empty() {
            String::new()
        } else {
            format!(" {note} ")
        };
        let rule = "─".repeat(self.inner.saturating_sub(note.chars().count()));
        let _ = writeln!(self.text, "{address:>ADDRESS$} {left}{rule}{note}{right}");
    }

    fn line(&mut self, style: Style, text: &str, figure: &str) {
        let room = self.room(figure);
        let _ = writeln!(
            self.text,
            "{:ADDRESS$} │ {style}{text:<room$} {figure}{style:#} │",
            ""
        );
    }

    /// The columns for what stands before a figure.
    fn room(&self, figure: &str) -> usize {
        self.inner.saturating_sub(figure.chars().count() + 3)
    }

    /// A text in as many lines as it takes, each behind `fill`, with the figure on the first one.
    fn lines(&mut self, style: Style, fill: &str, text: &str, figure: &str) {
        let options = textwrap::Options::new(self.room(figure))
            .initial_indent(fill)
            .subsequent_indent(fill)
            .word_splitter(textwrap::WordSplitter::NoHyphenation);
        let text = glued(text);
        for (index, line) in textwrap::wrap(&text, options).iter().enumerate() {
            let line = unglued(line);
            // The lines below the figure have the same room, so that it stands free.
            let figure = match index {
                0 => figure.to_owned(),
                _ => " ".repeat(figure.chars().count()),
            };
            self.line(style, &line, &figure);
        }
    }

    /// What lies between holes, without what of it is free in a hole that ASLR moves.
    fn gap(&mut self, text: &str, bytes: u64, free: u64) {
        let free = free.min(bytes);
        let [text, left] = match self.is_short {
            true => ["other", "by aslr"],
            false => [text, "left in holes that aslr moves"],
        };
        self.text(text, Some(bytes - free));
        if free > 0 {
            let figure = Size::bytes(free).available().to_string();
            self.lines(style('░'), "░ ", left, &figure);
        }
    }

    fn text(&mut self, text: &str, bytes: Option<u64>) {
        let size = bytes.map_or_else(String::new, |bytes| Size::bytes(bytes).to_string());
        self.lines(Style::new(), "", text, &size);
    }

    /// A hole: its content, what is left, and as many lines as its share of all holes.
    fn hole(&mut self, hole: &Filled, all: u64, spare: u64) {
        let mut rows: Vec<(char, &str, u64)> = hole
            .content
            .iter()
            .map(|part| ('█', part.name.as_str(), part.bytes))
            .collect();
        let left = hole.left() - hole.beyond_limit;
        let limit = self
            .limit
            .map_or_else(String::new, |limit| limit.available().to_string());
        let beyond = match self.is_short {
            true => "RLIMIT_AS".to_owned(),
            false => format!("beyond RLIMIT_AS of {limit}"),
        };
        if left > 0 || rows.is_empty() {
            rows.push(('░', "left", left));
        }
        if hole.beyond_limit > 0 {
            rows.push(('·', beyond.as_str(), hole.beyond_limit));
        }
        if !hole.top_down {
            // The first mapping lies lowest.
            rows.reverse();
        }
        for (fill, name, bytes) in rows {
            let size = Size::bytes(bytes);
            let figure = match fill {
                '█' => size.needed().to_string(),
                _ => size.available().to_string(),
            };
            let style = style(fill);
            self.lines(style, &format!("{fill} "), name, &figure);
            let lines = u128::from(bytes) * u128::from(spare) / u128::from(all.max(1));
            for _ in 0..lines {
                self.line(style, &fill.to_string(), "");
            }
        }
        self.break_axis();
    }

    /// Marks the last line: what is small is drawn larger than it is.
    fn break_axis(&mut self) {
        let before = self.text.trim_end().rfind('\n');
        let last = self.text.split_off(before.map_or(0, |end| end + 1));
        self.text += &last.replace('│', "≈");
    }
}

/// What pools map is green, what a limit takes away yellow.
fn style(fill: char) -> Style {
    match fill {
        '█' => AnsiColor::Green.on_default(),
        '·' => AnsiColor::Yellow.on_default(),
        _ => Style::new().dimmed(),
    }
}

#[cfg(test)]
mod tests;
