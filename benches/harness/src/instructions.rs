//! Counts instructions by single-stepping: this program runs itself again, for one case, and traces
//! it.
//!
//! Virtual machines seldom have hardware counters, and valgrind's processor lacks the instructions
//! for hashing, which makes a signed token look three times as expensive as it is. Single steps
//! count what this processor really does, wherever `ptrace` is available. Each step takes some
//! microseconds, so few requests are counted; one is much like the other.

use std::{
    env,
    io::{Error, Result},
    process::{Command, Stdio},
};

use nix::{
    sys::{
        ptrace,
        signal::{Signal, raise},
        wait::{WaitStatus, waitpid},
    },
    unistd::Pid,
};

use crate::case::Case;

/// The argument that makes this program the traced one.
pub(crate) const TRACED: &str = "--traced";

const REQUESTS: u32 = 4;
const WARM_UP: u32 = 500;

/// Instructions per request.
pub(crate) fn per_request(case: Case) -> Result<f64> {
    let none = count(case, 0)?;
    let some = count(case, REQUESTS)?;
    Ok((some - none) as f64 / f64::from(REQUESTS))
}

/// The work of the traced program: requests to warm up, a stop, the requests to count, a stop.
pub(crate) fn traced(case: Case, requests: u32) -> Result<()> {
    let mut run = case.start();
    (0..WARM_UP).for_each(|_| run());
    ptrace::traceme()?;
    raise(Signal::SIGSTOP)?;
    (0..requests).for_each(|_| run());
    raise(Signal::SIGSTOP)?;
    Ok(())
}

fn count(case: Case, requests: u32) -> Result<u64> {
    let mut child = Command::new(env::current_exe()?)
        .args([TRACED, case.name, &requests.to_string()])
        .stdout(Stdio::null())
        .spawn()?;
    let steps = count_steps(Pid::from_raw(child.id().cast_signed()));
    // It is stopped or has failed already: either way it is no longer needed.
    child.kill()?;
    child.wait()?;
    steps
}

/// Counts the steps from the program's first stop to its second.
fn count_steps(program: Pid) -> Result<u64> {
    let first = waitpid(program, None)?;
    if first != WaitStatus::Stopped(program, Signal::SIGSTOP) {
        return Err(Error::other("the kernel does not let it trace its child"));
    }
    let (mut steps, mut last) = (0, 0);
    loop {
        ptrace::step(program, None)?;
        match waitpid(program, None)? {
            WaitStatus::Stopped(_, Signal::SIGTRAP) => {
                let place = place(program)?;
                steps += u64::from(place == 0 || place != last);
                last = place;
            }
            WaitStatus::Stopped(_, Signal::SIGSTOP) => return Ok(steps),
            other => return Err(Error::other(format!("ended by {other:?}"))),
        }
    }
}

/// The instruction pointer. x86 steps through a repeated string instruction byte by byte at one
/// address; it counts as one instruction.
#[cfg(target_arch = "x86_64")]
fn place(program: Pid) -> Result<i64> {
    let pointer = std::mem::offset_of!(nix::libc::user_regs_struct, rip);
    Ok(ptrace::read_user(program, pointer as ptrace::AddressType)?)
}

#[cfg(not(target_arch = "x86_64"))]
fn place(_: Pid) -> Result<i64> {
    Ok(0)
}
