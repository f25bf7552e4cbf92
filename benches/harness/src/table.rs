//! Prints the measurements.

use crate::Group;

/// The cost of one request.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// `None` where they can't be counted.
    pub instructions: Option<f64>,
    pub allocations: f64,
    pub microseconds: f64,
}

/// Prints a group: each case, and how much more it costs than the group's first.
pub(crate) fn print(group: &Group, costs: &[Cost]) {
    println!("\n## {}\n", group.title);
    let heads = [
        "instructions",
        "over",
        "times",
        "allocations",
        "over",
        "time",
        "over",
    ];
    row("", heads.map(str::to_owned));
    println!(
        "|{:-<42}|{:->14}:|{:->10}:|{:->6}:|{:->12}:|{:->5}:|{:->9}:|{:->9}:|",
        "", "", "", "", "", "", "", ""
    );
    let first = costs.first().copied();
    for (index, (case, cost)) in group.cases.iter().zip(costs).enumerate() {
        row(case.name, cells(*cost, first.filter(|_| index > 0)));
    }
    if !group.notes.is_empty() {
        println!("\n{}", group.notes);
    }
}

fn row(name: &str, cells: [String; 7]) {
    let [own, over, times, allocations, more, time, later] = cells;
    println!(
        "| {name:40} | {own:>13} | {over:>9} | {times:>5} | {allocations:>11} | {more:>4} | \
         {time:>8} | {later:>8} |"
    );
}

fn cells(own: Cost, first: Option<Cost>) -> [String; 7] {
    let text = |value: Option<f64>, unit: fn(f64) -> String| value.map_or_else(String::new, unit);
    let counts = own
        .instructions
        .zip(first.and_then(|first| first.instructions));
    [
        text(own.instructions, thousands),
        text(counts.map(|(own, first)| own - first), thousands),
        text(counts.map(|(own, first)| own / first), |times| {
            format!("{times:.2}")
        }),
        count(own.allocations),
        text(
            first.map(|first| own.allocations - first.allocations),
            count,
        ),
        microseconds(own.microseconds),
        text(
            first.map(|first| own.microseconds - first.microseconds),
            microseconds,
        ),
    ]
}

fn thousands(count: f64) -> String {
    format!("{:.2} k", count / 1e3)
}

fn microseconds(time: f64) -> String {
    format!("{time:.2} us")
}

/// Allocations are whole numbers, except for tables that grow occasionally.
fn count(allocations: f64) -> String {
    let rounded = allocations.round();
    if (allocations - rounded).abs() < 0.005 {
        // Not `-0`.
        return format!("{}", rounded + 0.0);
    }
    format!("{allocations:.2}")
}
