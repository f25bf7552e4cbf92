//! Measures what one request costs: instructions, heap allocations, time.
//!
//! Both benchmarks of the project are programs that pass their groups of cases to [`run`].
#![allow(
    clippy::cast_precision_loss,
    clippy::print_stdout,
    reason = "counts far below 2^52, to be printed"
)]

mod alloc;
mod case;
mod cpu;
#[cfg_attr(not(target_os = "linux"), path = "not_counted.rs")]
mod instructions;
pub mod request;
mod table;
mod time;

use std::{collections::HashMap, env, hint::black_box, io};

pub use alloc::{Counting, allocations, held, peak_held};
pub use case::{Case, Run, answered};
pub use cpu::description as processor;
pub use table::Cost;
pub use time::{process_time, thread_time};

/// The argument that makes the program send the requests of one case, for a profiler.
const PROFILE: &str = "--profile";

/// Cases that share a table. Each is compared with the first.
#[derive(Clone, Debug)]
pub struct Group {
    pub title: &'static str,
    /// Printed under the table: an explanation of the cases.
    pub notes: &'static str,
    pub cases: Vec<Case>,
}

/// The measurements, by the name of the case.
#[derive(Clone, Debug, Default)]
pub struct Costs(HashMap<&'static str, Cost>);

impl Costs {
    /// The cost of a case; `None` if it was not measured.
    #[must_use]
    pub fn of(&self, case: &str) -> Option<Cost> {
        self.0.get(case).copied()
    }
}

/// Measures every case, prints a table for each group, and returns the measurements.
///
/// A word among the program's arguments selects the groups whose title contains it. `--profile CASE
/// REQUESTS` only sends requests and measures nothing, for a profiler:
///
/// ```sh
/// valgrind --tool=callgrind --toggle-collect='*profiled*' PROGRAM --profile CASE 1000
/// ```
///
/// # Errors
///
/// Only for invalid arguments of `--profile`.
pub fn run(groups: &[Group]) -> io::Result<Costs> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let [task, name, requests] = arguments.as_slice() {
        let (case, requests) = (
            find(groups, name)?,
            requests.parse().map_err(io::Error::other)?,
        );
        match task.as_str() {
            instructions::TRACED => instructions::traced(case, requests)?,
            PROFILE => profile(case, requests),
            other => return Err(io::Error::other(format!("no such task: {other}"))),
        }
        return Ok(Costs::default());
    }
    let word = arguments.iter().find(|word| !word.starts_with('-'));
    let chosen = |group: &&Group| word.is_none_or(|word| group.title.contains(word.as_str()));
    let groups: Vec<&Group> = groups.iter().filter(chosen).collect();
    print_conditions();
    let costs = measure(&groups);
    for group in groups {
        let costs: Vec<Cost> = group.cases.iter().map(|case| costs.0[case.name]).collect();
        table::print(group, &costs);
    }
    Ok(costs)
}

fn find(groups: &[Group], name: &str) -> io::Result<Case> {
    let mut cases = groups.iter().flat_map(|group| &group.cases);
    let case = cases.find(|case| case.name == name).copied();
    case.ok_or_else(|| io::Error::other(format!("no such case: {name}")))
}

fn profile(case: Case, requests: u32) {
    let mut run = case.start();
    run();
    profiled(&mut run, requests);
}

/// A function with a name that a profiler can find.
#[inline(never)]
fn profiled(run: &mut case::Run, requests: u32) {
    (0..black_box(requests)).for_each(|_| run());
}

fn measure(groups: &[&Group]) -> Costs {
    let mut cases: Vec<Case> = Vec::new();
    for case in groups.iter().flat_map(|group| &group.cases) {
        // A case may be in several tables.
        if cases.iter().all(|known| known.name != case.name) {
            cases.push(*case);
        }
    }
    let mut runs: Vec<_> = cases.iter().map(|case| case.start()).collect();
    let allocations: Vec<f64> = runs.iter_mut().map(time::allocations).collect();
    let medians = time::medians(&mut runs);
    let instructions = count_instructions(&cases);
    let costs = cases.iter().zip(allocations).zip(medians).zip(instructions);
    let costs = costs.map(|(((case, allocations), microseconds), instructions)| {
        let cost = Cost {
            instructions,
            allocations,
            microseconds,
        };
        (case.name, cost)
    });
    Costs(costs.collect())
}

/// Returns nothing, and prints the reason, where they can't be counted.
fn count_instructions(cases: &[Case]) -> Vec<Option<f64>> {
    let counted: io::Result<Vec<f64>> = cases
        .iter()
        .map(|case| instructions::per_request(*case))
        .collect();
    match counted {
        Ok(counts) => counts.into_iter().map(Some).collect(),
        Err(error) => {
            println!("\nInstructions are not counted here: {error}.");
            vec![None; cases.len()]
        }
    }
}

fn print_conditions() {
    println!(
        "One request, in process, on one thread: a request is made, and answered by the service that \
         `axum::serve` makes for a connection.\n\
         - processor: {}\n\
         - instructions: counted by single steps, so exactly; the mean of 4 requests\n\
         - allocations: on the heap; a reallocation is one too; the mean of 1,000 requests\n\
         - time: CPU time of the thread (on Linux), the median of 41 batches of 2 ms\n\
         - profile: cargo's `bench`, which is `release` (no LTO)",
        cpu::description()
    );
}
