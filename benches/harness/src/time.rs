//! Times requests: the median of many short batches.

use std::{io, time::Duration};

use crate::{alloc, case::Run};

const WARM_UP: u32 = 2_000;
const ITERATIONS: u32 = 1_000;
const BATCHES: usize = 41;
const BATCH: Duration = Duration::from_millis(2);

/// The CPU time of this thread: what the machine does in between does not count, as far as the
/// system can tell.
///
/// # Panics
///
/// If the system does not report it.
#[cfg(target_os = "linux")]
#[must_use]
pub fn thread_time() -> Duration {
    let clock = nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID;
    nix::time::clock_gettime(clock).expect("a clock").into()
}

/// The time since this thread's first call: the CPU time is known on Linux only.
#[cfg(not(target_os = "linux"))]
#[must_use]
pub fn thread_time() -> Duration {
    use std::time::Instant;
    thread_local!(static START: Instant = Instant::now());
    START.with(Instant::elapsed)
}

/// The CPU time of another process.
///
/// # Errors
///
/// If there is no such process, or if the system does not tell.
#[cfg(target_os = "linux")]
pub fn process_time(process: u32) -> io::Result<Duration> {
    let process = nix::unistd::Pid::from_raw(process.cast_signed());
    let clock = nix::time::clock_getcpuclockid(process)?;
    Ok(nix::time::clock_gettime(clock)?.into())
}

/// The CPU time of another process.
///
/// # Errors
///
/// Always: only Linux tells.
#[cfg(not(target_os = "linux"))]
pub fn process_time(_: u32) -> io::Result<Duration> {
    let reason = "the CPU time of a process is read on Linux only";
    Err(io::Error::new(io::ErrorKind::Unsupported, reason))
}

/// Allocations per request, after a warm-up.
pub(crate) fn allocations(run: &mut Run) -> f64 {
    repeat(run, WARM_UP);
    let before = alloc::allocations();
    repeat(run, ITERATIONS);
    (alloc::allocations() - before) as f64 / f64::from(ITERATIONS)
}

/// Microseconds per request of each case. The cases take turns, so that anything that slows the
/// machine down for a while affects all of them.
pub(crate) fn medians(runs: &mut [Run]) -> Vec<f64> {
    let sizes: Vec<u32> = runs.iter_mut().map(batch_size).collect();
    let mut batches = vec![Vec::with_capacity(BATCHES); runs.len()];
    for _ in 0..BATCHES {
        for ((run, size), batches) in runs.iter_mut().zip(&sizes).zip(&mut batches) {
            batches.push(time(run, *size).as_secs_f64() * 1e6 / f64::from(*size));
        }
    }
    batches.into_iter().map(median).collect()
}

/// How many requests fill a batch.
fn batch_size(run: &mut Run) -> u32 {
    let one = time(run, 200) / 200;
    let size = BATCH.as_nanos() / one.as_nanos().max(1);
    u32::try_from(size).unwrap_or(u32::MAX).max(1)
}

fn time(run: &mut Run, requests: u32) -> Duration {
    let start = thread_time();
    repeat(run, requests);
    thread_time() - start
}

fn repeat(run: &mut Run, requests: u32) {
    for _ in 0..requests {
        run();
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
