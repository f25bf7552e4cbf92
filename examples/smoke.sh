#!/usr/bin/env bash
# Starts each example, runs the curl lines that it prints, and compares the statuses.
# `cargo build --examples` must have been run.
set -euo pipefail
cd "$(dirname "$0")/.."
examples=${CARGO_TARGET_DIR:-target}/debug/examples
failed=0

# check NAME STATUS..: the statuses of the example's curl lines, in order.
check() {
    local name=$1 output server line statuses=()
    shift
    output=$(mktemp)
    PORT=0 "$examples/$name" >"$output" 2>/dev/null &
    server=$!
    for _ in $(seq 100); do
        [ "$(grep -c '^  curl ' "$output")" -ge $# ] && break
        sleep 0.1
    done
    while IFS= read -r line; do
        statuses+=("$(sh -c "$line -s -o /dev/null -w '%{http_code}'")")
    done < <(grep '^  curl ' "$output")
    kill "$server"
    wait "$server" 2>/dev/null || true
    rm -f "$output"
    if [ "${statuses[*]}" = "$*" ]; then
        printf '%s: %s\n' "$name" "$*"
    else
        printf '%s: %s instead of %s\n' "$name" "${statuses[*]}" "$*"
        failed=1
    fi
}

check api_key 200 401 401 400 201 401 200
check bcrypt_upgrade 200 200 401 401 401
check bearer_jwt 401 200 200 401 401 401 401 401 201 403
check either_auth 200 200 200 401 401 200 403 400
check existing_axum_app 200 400 404 405 400 500
check guarded_routes 200 401 200 400 403 200 204 405 404
check jwks 401 200 200 204 200 401
check own_middleware 200 200 503
check rate_limit_by_user 200 200 429 200 200 401
check scopes 401 200 403 201 403 204 200 404 200 403 503
check sessions 200 401 422 303 200 403 303 401 200
check with_hyper 201 422 200 204 405
if command -v redis-server >/dev/null || command -v valkey-server >/dev/null; then
    check shared_rate_limit 200 200 200 429 429
elif [ -n "${WYTHE_REQUIRE_ALL:-}" ]; then
    printf 'shared_rate_limit: there is no redis-server or valkey-server\n'
    failed=1
else
    printf 'shared_rate_limit: skipped, there is no redis-server or valkey-server\n'
fi
exit "$failed"
