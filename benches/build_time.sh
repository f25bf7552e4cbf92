#!/usr/bin/env bash
# Times debug builds of two crates with 100 routes each: bare axum routes, and the same routes with
# five layers around every handler. Prints both times, their ratio and the sizes of the programs.
#
#   benches/build_time.sh [rounds]
#
# Dependencies are built before; the timed part is the crate with the routes, compiled without
# incremental state and linked. The time of each is the least of all rounds.
set -euo pipefail
cd "$(dirname "$0")/.."

rounds=${1:-5}
routes=100
wythe=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# handlers ARGUMENT: one function for each route, each its own type.
handlers() {
    local i
    for ((i = 0; i < routes; i++)); do
        cat <<EOF
async fn handler_$i(Path(id): Path<u64>, $1) -> Json<Item> {
    Json(Item { id: id + $i, name: item.name.clone() })
}
EOF
    done
}

# new_crate NAME ROUTE, with the rest of its source on standard input. ROUTE has the handler as H.
new_crate() {
    local name=$1 route=$2 i
    mkdir -p "$work/$name/src"
    cat >"$work/$name/Cargo.toml" <<EOF
[package]
name = "$name"
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
        echo 'fn app() -> Result<Router, Box<dyn std::error::Error>> {'
        [ "$name" = bare ] || echo "$stack"
        echo '    Ok(Router::new()'
        for ((i = 0; i < routes; i++)); do
            echo "        .route(\"/$i/{id}\", post(${route/H/handler_$i}))"
        done
        cat <<'EOF'
    )
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    axum::serve(listener, app()?).await?;
    Ok(())
}
EOF
    } >"$work/$name/src/main.rs"
}

types='
use axum::{Json, Router, extract::Path, routing::post};

#[derive(serde::Deserialize, serde::Serialize, garde::Validate)]
struct Item {
    #[garde(skip)]
    #[serde(default)]
    id: u64,
    #[garde(length(min = 2))]
    name: String,
}
'

new_crate bare H <<EOF
$types
$(handlers 'Json(item): Json<Item>')
EOF

# The start of `app` in the other crate.
stack='
    let origins = Cors::origins(["https://app.example.com"])?;
    let jwt = Jwt::<Claims>::hs256("2f1c6d0e9b8a7f3e5d4c2b1a09f8e7d6")?;
    let stack = compose((
        with_cors(origins.credentials()),
        with_rate_limit(Quota::per_minute(60).by_peer()?),
        with_auth(jwt.issuer("https://id.example.com").audience("api")),
        with_validation::<Json<Item>>(),
        with_cache_control(CacheControl::no_store()),
    ));'

new_crate layered 'stack.handler(H)' <<EOF
$types
use wythe::{
    Auth, CacheControl, Cors, Jwt, Quota, Valid, compose, with_auth, with_cache_control, with_cors,
    with_rate_limit, with_validation,
};

#[derive(Clone, serde::Deserialize)]
struct Claims {}

$(handlers '_: Auth<Claims>, item: Valid<Json<Item>>')
EOF

cat >"$work/Cargo.toml" <<EOF
[workspace]
members = ["bare", "layered"]
resolver = "3"
EOF
cp Cargo.lock "$work/"

export CARGO_INCREMENTAL=0 CARGO_TERM_COLOR=never
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}/build-time

# build NAME: its milliseconds of wall time, and those of CPU time.
build() {
    local TIMEFORMAT='%R %U %S' times
    touch "$work/$1/src/main.rs"
    times=$({ time cargo build --quiet --manifest-path "$work/Cargo.toml" -p "$1" 2>&3; } 3>&2 2>&1)
    awk '{ print int($1 * 1000), int(($2 + $3) * 1000) }' <<<"$times"
}

# Builds the dependencies, and checks that both crates compile.
cargo build --quiet --manifest-path "$work/Cargo.toml" --workspace

declare -A clock=([bare]=999999 [layered]=999999) work_of=([bare]=999999 [layered]=999999)
for ((round = 1; round <= rounds; round++)); do
    for name in bare layered; do
        read -r wall cpu < <(build "$name")
        ((wall < clock[$name])) && clock[$name]=$wall
        ((cpu < work_of[$name])) && work_of[$name]=$cpu
    done
done

size() { stat -c %s "$CARGO_TARGET_DIR/debug/$1"; }

rustc --version
echo "debug build of $routes routes, dependencies built before; least of $rounds rounds"
printf '%-18s %9s %14s %12s\n' '' 'time' 'processor time' 'size'
row() { printf '%-18s %6d ms %11d ms %9d kB\n' "$1" "${clock[$2]}" "${work_of[$2]}" $(($(size "$2") / 1000)); }
row 'bare axum routes' bare
row 'five layers each' layered
awk "BEGIN { printf \"%-18s %9.2f %14.2f %12.2f\\n\", \"ratio\", ${clock[layered]} / ${clock[bare]},
    ${work_of[layered]} / ${work_of[bare]}, $(size layered) / $(size bare) }"
