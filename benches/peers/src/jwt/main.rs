//! The token of a request: wythe, with and without its cache, compared with jsonwebtoken alone.
#![allow(clippy::print_stdout, reason = "it prints a table")]

mod bare;
mod tokens;
mod wythe_jwt;

use wythe_bench_harness::{Case, Costs, Counting, Group, run};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The share of a verification that a cached token may cost, for the algorithms with a goal.
const MAX_RATIO: f64 = 1.0 / 50.0;
const GOALS: [(&str, &str); 2] = [
    ("RS256, wythe without cache", "RS256, wythe, cached"),
    ("ES256, wythe without cache", "ES256, wythe, cached"),
];

/// The cases of one algorithm.
macro_rules! group {
    ($algorithm:ident, $title:literal) => {{
        use jsonwebtoken::Algorithm::$algorithm;
        macro_rules! case {
            ($name:literal, $part:expr) => {
                Case::part(concat!(stringify!($algorithm), ", ", $name), || $part)
            };
        }
        Group {
            title: $title,
            notes: NOTES,
            cases: vec![
                case!("wythe without cache", wythe_jwt::without_cache($algorithm)),
                case!("jsonwebtoken on aws-lc", bare::aws_lc($algorithm)),
                case!("jsonwebtoken on rust_crypto", bare::rust_crypto($algorithm)),
                case!("wythe, first sight", wythe_jwt::first_sight($algorithm)),
                case!("wythe, cached", wythe_jwt::cached($algorithm)),
                case!("wythe, cached, Arc", wythe_jwt::cached_arc($algorithm)),
                case!("wythe, cached, Value", wythe_jwt::cached_value($algorithm)),
            ],
        }
    }};
}

fn main() -> std::io::Result<()> {
    bare::install();
    let groups = [
        group!(HS256, "HS256"),
        group!(RS256, "RS256, 2048 bits"),
        group!(ES256, "ES256"),
        group!(EdDSA, "EdDSA"),
    ];
    let costs = run(&groups)?;
    print_goals(&costs);
    Ok(())
}

fn print_goals(costs: &Costs) {
    println!("\n## goals\n");
    for (verified, cached) in GOALS {
        let instructions = |name| costs.of(name).and_then(|cost| cost.instructions);
        if let (Some(verified), Some(hit)) = (instructions(verified), instructions(cached)) {
            let outcome = if hit / verified < MAX_RATIO {
                "met"
            } else {
                "missed"
            };
            println!(
                "- instructions of `{cached}`: 1/{:.0} of a verification, under 1/50: {outcome}",
                verified / hit
            );
        }
    }
}

const NOTES: &str = "\
- wythe: `Jwt::authenticate` on the head of a request with ten fields, from finding the token to the
  claims, a struct of five strings, a list and two dates, which are dropped again
- jsonwebtoken 11: `decode` of the token alone, the key and the validation prepared
- first sight: every token is new, is verified, and takes another's place in a full cache
- Arc: claims that are cloned with a counter; Value: the same claims as `serde_json::Value`";
