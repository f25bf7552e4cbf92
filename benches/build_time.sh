#!/usr/bin/env bash
# Measures builds of crates with 100 routes each: bare axum routes, and the same routes with five
# layers around every handler; and of crates with 200 routes: bare axum, and an `Api`. Prints the CPU time of each build and the size of its program, for
# debug and release.
#
#   benches/build_time.sh [rounds]
#
# - one input: all routes read the same type, and share one stack
# - 100 inputs: each route reads a type of its own, and has a stack of its own
# - 200 routes, 20 inputs: ten routes share a type, and the stack of the `Api` that validates it
#
# Dependencies are built before; the measured part is the crate with the routes, compiled without
# incremental state and linked. Each figure is the least of all rounds; release builds take one round.
set -euo pipefail
cd "$(dirname "$0")/.."

rounds=${1:-3}
routes=100
wythe=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
crates=(bare layered bare_inputs layered_inputs bare_router api)

# each TEXT [COUNT]: the text for each route, with its number for N, and for K the number of the stack
# that it shares with nine others.
each() {
    local i text
    for ((i = 0; i < ${2:-$routes}; i++)); do
        text=${1//N/$i}
        echo "${text//K/$((i / 10))}"
    done
}

# new_crate NAME ROUTE SETUP [FIRST LAST COUNT]: ROUTE is the text for one route of `app`, SETUP the
# start of `app`, FIRST and LAST what stands before and after the routes, COUNT their number; the rest of
# the source comes on standard input.
new_crate() {
    mkdir -p "$work/$1/src"
    cat >"$work/$1/Cargo.toml" <<EOF
[package]
name = "$1"
version = "0.0.0"
edition = "2024"

[dependencies]
axum = "0.8.4"
garde = { version = "0.23", features = ["derive"] }
serde = { version = "1", features = ["derive"] }
tokio = { version = "1", features = ["macros", "net", "rt-multi-thread"] }
wythe = { path = "$wythe" }
EOF
    {
        cat
        cat <<EOF
fn app() -> Result<Router, Box<dyn std::error::Error>> {
$3
    Ok(${4:-Router::new()}
$(each "$2" "${6:-$routes}")
    ${5:-})
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    axum::serve(listener, app()?).await?;
    Ok(())
}
EOF
    } >"$work/$1/src/main.rs"
}

# A type of input: item NAME.
item() {
    cat <<EOF
#[derive(serde::Deserialize, serde::Serialize, garde::Validate)]
struct $1 {
    #[garde(skip)]
    #[serde(default)]
    id: u64,
    #[garde(length(min = 2))]
    name: String,
}
EOF
}

# One handler, itself a type: handler INPUT ARGUMENT.
handler() {
    cat <<EOF
async fn handler_N(Path(id): Path<u64>, $2) -> Json<$1> {
    Json($1 { id: id + N, name: item.name.clone() })
}
EOF
}

bare_head='use axum::{Json, Router, extract::Path, routing::post};
'
layered_head="$bare_head"'use wythe::{
    Auth, CacheControl, ConfigError, Cors, Jwt, Quota, Valid, compose, with_auth, with_cache_control,
    with_cors, with_rate_limit, with_validation,
};

#[derive(Clone, serde::Deserialize)]
struct Claims {}

fn cors() -> Result<Cors, ConfigError> {
    Ok(Cors::origins(["https://app.example.com"])?.credentials().into())
}

fn jwt() -> Result<Jwt<Claims>, ConfigError> {
    let jwt = Jwt::<Claims>::hs256("2f1c6d0e9b8a7f3e5d4c2b1a09f8e7d6")?;
    Ok(jwt.issuer("https://id.example.com").audience("api"))
}
'

# The stack around inputs of this type: stack INPUT.
stack() {
    cat <<EOF
compose((
        with_cors(cors()?),
        with_rate_limit(Quota::per_minute(60).by_peer()?),
        with_auth(jwt()?),
        with_validation::<Json<$1>>(),
        with_cache_control(CacheControl::no_store()),
    ))
EOF
}

new_crate bare '        .route("/N/{id}", post(handler_N))' '' <<EOF
$bare_head
$(item Item)
$(each "$(handler Item 'Json(item): Json<Item>')")
EOF

new_crate layered '        .route("/N/{id}", post(stack.handler(handler_N)))' "
    let stack = $(stack Item);" <<EOF
$layered_head
$(item Item)
$(each "$(handler Item '_: Auth<Claims>, item: Valid<Json<Item>>')")
EOF

new_crate bare_inputs '        .route("/N/{id}", post(handler_N))' '' <<EOF
$bare_head
$(each "$(item ItemN)")
$(each "$(handler ItemN 'Json(item): Json<ItemN>')")
EOF

new_crate layered_inputs '        .route("/N/{id}", post(stack_N.handler(handler_N)))' "
$(each "    let stack_N = $(stack ItemN);")" <<EOF
$layered_head
$(each "$(item ItemN)")
$(each "$(handler ItemN '_: Auth<Claims>, item: Valid<Json<ItemN>>')")
EOF

new_crate bare_router '        .route("/N/{id}", post(handler_N))' '' '' '' 200 <<EOF
$bare_head
$(each "$(item ItemN)" 20)
$(each "$(handler ItemK 'Json(item): Json<ItemK>')" 200)
EOF

new_crate api '        .post("/N/{id}", stack_K.handler(handler_N))' \
    "$(each "    let stack_N = $(stack ItemN | grep -v with_cors);" 20)" \
    'wythe::Api::<Auth<Claims>>::new("API", "1.0.0").around(compose(with_cors(cors()?)))' \
    '.router(())?' 200 <<EOF
${layered_head/, extract::Path, routing::post/}
use wythe::Path;
$(each "$(item ItemN)" 20)
$(each "$(handler ItemK '_: Auth<Claims>, item: Valid<Json<ItemK>>')" 200)
EOF

cat >"$work/Cargo.toml" <<EOF
[workspace]
members = [$(printf '"%s", ' "${crates[@]}")]
resolver = "3"
EOF
cp Cargo.lock "$work/"

export CARGO_INCREMENTAL=0 CARGO_TERM_COLOR=never
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}/build-time

# build NAME PROFILE: the milliseconds of CPU time.
build() {
    local TIMEFORMAT='%U %S' times
    touch "$work/$1/src/main.rs"
    times=$({ time cargo build --quiet --profile "$2" --manifest-path "$work/Cargo.toml" -p "$1" 2>&3; } 3>&2 2>&1)
    awk '{ print int(($1 + $2) * 1000) }' <<<"$times"
}

# Prints the rows of one profile: rows PROFILE DIRECTORY ROUNDS.
rows() {
    local name cpu round
    local -A least=() size=()
    # Builds the dependencies, and checks that all crates compile.
    cargo build --quiet --profile "$1" --manifest-path "$work/Cargo.toml" --workspace
    for ((round = 1; round <= $3; round++)); do
        for name in "${crates[@]}"; do
            cpu=$(build "$name" "$1")
            ((cpu < ${least[$name]:-999999999})) && least[$name]=$cpu
        done
    done
    for name in "${crates[@]}"; do
        size[$name]=$(stat -c %s "$CARGO_TARGET_DIR/$2/$name")
    done
    # row INPUTS LAYERS CRATE
    row() {
        awk "BEGIN { printf \"%-36s %8.1f s %9.1f MB\\n\", \"$1, $2\", ${least[$3]} / 1000, ${size[$3]} / 1e6 }"
    }
    # ratio INPUTS BARE LAYERED
    ratio() {
        awk "BEGIN { printf \"%-36s %10.2f %12.2f\\n\", \"$1, ratio\",
            ${least[$3]} / ${least[$2]}, ${size[$3]} / ${size[$2]} }"
    }
    printf '\n%-36s %10s %12s\n' "$2" 'CPU time' 'size'
    row 'one input' 'bare' bare
    row 'one input' 'five layers' layered
    ratio 'one input' bare layered
    row '100 inputs' 'bare' bare_inputs
    row '100 inputs' 'five layers' layered_inputs
    ratio '100 inputs' bare_inputs layered_inputs
    row '200 routes, 20 inputs' 'bare' bare_router
    row '200 routes, 20 inputs' 'Api' api
    ratio '200 routes, 20 inputs' bare_router api
}

rustc --version
echo "$routes routes, or 200; dependencies built before; least of $rounds rounds (debug) and of one (release)"
rows dev debug "$rounds"
rows release release 1
