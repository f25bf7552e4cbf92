//! The cost per request of each layer, of the whole stack, and of its refusals.

mod authorization;
mod full_stack;
mod refusals;
mod routing;
mod single;

use wythe_bench_harness::{Counting, Group, run};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() -> std::io::Result<()> {
    let groups = [
        Group {
            title: "layers over a bare handler",
            notes: NOTES,
            cases: single::cases(),
        },
        Group {
            title: "authorization over a bare handler, the principal in the request",
            notes: "",
            cases: authorization::cases(),
        },
        Group {
            title: "routing: an `Api` and axum's router, an empty stack",
            notes: routing::NOTES,
            cases: routing::cases(),
        },
        Group {
            title: "refusals of the whole stack",
            notes: "",
            cases: refusals::cases(),
        },
    ];
    run(&groups)?;
    Ok(())
}

const NOTES: &str = "\
- the bare handler: an async function without arguments that answers 201, in an axum 0.8 router
- no layer: what `Stack::handler` costs by itself. The allocation is axum's: it boxes a handler, and
  that of a plain function without state is empty
- the README's stack: CORS, presentation, rate limit, HS256, JSON, cache-control, and a handler that
  takes claims and body and answers with JSON";
