//! What the README shows is what the sources say: the picture of the stages in `assets/stages.svg`,
//! drawn from the table of `wythe::stage`, and the stack that the benchmarks measure.
//!
//! `PICTURES=overwrite cargo test --test readme` draws the picture again.

use std::{env, fmt::Write, fs};

const STORED: &str = "assets/stages.svg";
const STAGES: &str = include_str!("../src/contract/stage.rs");

const WIDTH: usize = 760;
const ROW: usize = 26;
/// How much further in each stage begins.
const STEP: usize = 9;

#[test]
fn the_stored_picture_shows_the_stages_in_their_order() {
    let stages = stages();
    let picture = svg(&stages);
    if env::var("PICTURES").is_ok_and(|value| value == "overwrite") {
        fs::write(STORED, &picture).expect("the picture can be stored");
    }
    let stored = fs::read_to_string(STORED).expect("the stored picture can be read");
    assert!(
        stored == picture,
        "the table of the stages has changed; draw it again with \
         `PICTURES=overwrite cargo test --test readme`"
    );
}

#[test]
fn the_table_lists_the_declared_stages_in_their_order() {
    let (_, declared) = STAGES.split_once("\nstages! {\n").expect("the stages");
    let (declared, _) = declared.split_once("\n}\n").expect("their end");
    let declared: Vec<&str> = declared
        .lines()
        .filter(|line| !line.trim_start().starts_with("///"))
        .map(|line| line.trim().trim_end_matches(','))
        .collect();
    let listed: Vec<&str> = stages().into_iter().map(|(name, _)| name).collect();
    assert_eq!(listed, declared);
}

#[test]
fn the_benchmarks_measure_the_stack_of_the_example() {
    let example = layers(include_str!("../README.md"), "fn app(");
    let measured = layers(include_str!("../benches/layers/full_stack.rs"), "fn with<");
    assert!(!example.is_empty(), "the README has no stack");
    assert_eq!(measured, example);
}

/// The doctests of the README have the default features only.
#[test]
fn the_document_is_described_by_an_example_that_is_built() {
    let (_, rest) = include_str!("../README.md")
        .split_once("<!-- examples/documented_api.rs -->")
        .expect("the place");
    let (_, rest) = rest.split_once("```rust,ignore\n").expect("the code");
    let (shown, _) = rest.split_once("```").expect("its end");
    let lines: Vec<_> = include_str!("../examples/documented_api.rs")
        .lines()
        .map(str::trim)
        .collect();
    let shown: Vec<_> = shown.lines().map(str::trim).collect();
    let is_there = lines.windows(shown.len()).any(|lines| lines == shown);
    assert!(is_there, "{shown:#?}");
}

/// The layers that a function names, in their order.
fn layers<'s>(source: &'s str, function: &str) -> Vec<&'s str> {
    let (_, body) = source.split_once(function).expect("the function");
    let (body, _) = body.split_once("\n}\n").expect("its end");
    let calls = body.lines().filter_map(|line| {
        let line = line.trim_start();
        let end = line.find(|c: char| c != '_' && !c.is_ascii_lowercase())?;
        let (name, _) = line.split_at(end);
        name.starts_with("with_").then_some(name)
    });
    calls.collect()
}

/// The name of each stage, and what stands there.
fn stages() -> Vec<(&'static str, &'static str)> {
    let rows = STAGES.lines().filter_map(|line| {
        let (name, rest) = line.strip_prefix("//! | [`")?.split_once("`] | ")?;
        Some((name, rest.split_once(" | ")?.0))
    });
    rows.collect()
}

fn svg(stages: &[(&str, &str)]) -> String {
    let (left, top, right) = (90, 44, WIDTH - 90);
    let height = top + ROW * (stages.len() + 1) + 22;
    let handler = top + ROW * stages.len();
    let inner = STEP * stages.len();
    let mut svg = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" font-family="system-ui, sans-serif" font-size="13" fill="#1f2328" role="img" aria-label="The order of the stages">
<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto"><path d="M0 0 8 4 0 8Z" fill="#57606a"/></marker></defs>
<rect width="{WIDTH}" height="{height}" rx="8" fill="#ffffff"/>
<text x="20" y="28" font-weight="600">request</text><text x="{}" y="28" font-weight="600" text-anchor="end">response</text>
<g fill="none" stroke="#57606a" stroke-width="1.5" marker-end="url(#arrow)"><path d="M46 40V{}H{}"/><path d="M{} {}H{}V40"/></g>
"##,
        WIDTH - 20,
        handler + 15,
        left + inner - 4,
        right - inner + 2,
        handler + 15,
        WIDTH - 50,
    );
    for (index, (name, content)) in stages.iter().enumerate() {
        let (x, y) = (left + STEP * index, top + ROW * index);
        let width = right - left - 2 * STEP * index;
        // The bars become a little darker from the outside to the inside.
        let shade = 248 - 5 * index;
        // Writing to a string can't fail.
        let _ = writeln!(
            svg,
            r#"<rect x="{x}" y="{y}" width="{width}" height="{}" rx="3" fill="rgb({},{},255)"/><text x="{}" y="{}"><tspan font-weight="600">{name}</tspan>  {}</text>"#,
            ROW - 4,
            shade - 20,
            shade - 6,
            x + 10,
            y + 16,
            escape(content),
        );
    }
    let _ = writeln!(
        svg,
        r##"<rect x="{}" y="{handler}" width="{}" height="30" rx="3" fill="#1f883d"/><text x="{}" y="{}" fill="#ffffff" font-weight="600" text-anchor="middle">handler</text>"##,
        left + inner,
        right - left - 2 * inner,
        WIDTH / 2,
        handler + 20,
    );
    svg + "</svg>\n"
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
