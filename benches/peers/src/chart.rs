//! Draws the main figures as an SVG file, which the README shows.

use std::{fmt::Write, fs, io};

use wythe_bench_harness::Costs;

use crate::{API, API_CACHED, BARE, CACHED, PEERS, PEERS_REGEX, WYTHE, WYTHE_REGEX};

/// The file, relative to this crate.
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../chart.svg");

/// Label, case, colour.
const BARS: [(&str, &str, &str); 8] = [
    ("axum, bare handler: none of it", BARE, GREY),
    ("wythe in axum's router", WYTHE, BLUE),
    ("the same, cached token", CACHED, BLUE),
    ("wythe in an Api", API, BLUE),
    ("the same, cached token", API_CACHED, BLUE),
    ("peers, each token verified", PEERS, ORANGE),
    ("wythe, with garde's email regex", WYTHE_REGEX, PALE_BLUE),
    ("peers, with garde's email regex", PEERS_REGEX, PALE_ORANGE),
];

const GREY: &str = "#8c959f";
const BLUE: &str = "#0969da";
const ORANGE: &str = "#bc4c00";
const PALE_BLUE: &str = "#80b3ec";
const PALE_ORANGE: &str = "#dd9f75";

const WIDTH: f64 = 720.0;
const LEFT: f64 = 230.0;
const RIGHT: f64 = 130.0;
const TOP: f64 = 52.0;
const ROW: f64 = 30.0;

/// Writes the chart, if all of its cases have been measured.
pub(crate) fn write(costs: &Costs) -> io::Result<()> {
    let instructions = |case| costs.of(case).and_then(|cost| cost.instructions);
    let bars: Option<Vec<f64>> = BARS.iter().map(|(_, case, _)| instructions(case)).collect();
    if let Some(bars) = bars {
        fs::write(FILE, svg(&bars))?;
        println!("\nThe chart is in benches/chart.svg.");
    }
    Ok(())
}

fn svg(counts: &[f64]) -> String {
    let max = counts.iter().copied().fold(1.0, f64::max);
    let bare = counts.first().copied().unwrap_or(1.0);
    let height = TOP + ROW * counts.len() as f64 + 12.0;
    let mut svg = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" font-family="system-ui, sans-serif" font-size="13" fill="#1f2328" role="img" aria-label="Instructions per request">
<rect width="{WIDTH}" height="{height}" rx="8" fill="#ffffff"/>
<text x="16" y="30" font-size="15" font-weight="600">Instructions per request (thousands; times the bare handler)</text>
"##
    );
    for (row, ((label, _, colour), count)) in BARS.iter().zip(counts).enumerate() {
        let y = TOP + ROW * row as f64;
        let length = (WIDTH - LEFT - RIGHT) * count / max;
        let text = y + 16.0;
        // Writing to a string can't fail.
        let _ = writeln!(
            svg,
            r#"<text x="{}" y="{text}" text-anchor="end">{label}</text><rect x="{LEFT}" y="{y}" width="{length:.1}" height="22" rx="3" fill="{colour}"/><text x="{:.1}" y="{text}">{:.1} k ({:.2}x)</text>"#,
            LEFT - 10.0,
            LEFT + length + 8.0,
            count / 1e3,
            count / bare,
        );
    }
    svg + "</svg>\n"
}
