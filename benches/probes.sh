#!/usr/bin/env bash
# Times HTTP probes with one assertion each against nginx on loopback, side by side in one run: hurl with one file of so
# many entries and with its --parallel form, `relgate probe run` of one file, and a bare client of the library that
# relgate uses, which reads no file and says nothing. Beside them the two halves of relgate: reading the file
# (`probe list`), and asking what is in memory already. The ratios are what counts. Needs hyperfine, nginx, and hurl
# (`cargo install hurl --version 8.0.1 --locked`, with libxml2-dev, libcurl4-openssl-dev, pkg-config and libclang-dev);
# without hurl the rest is timed.
#
# Usage: benches/probes.sh [COUNT [CONCURRENCY]]; default: 1000 and 16. HURL names another hurl.
set -euo pipefail

count=${1:-1000}
concurrency=${2:-16}
root=$(cd "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
hurl=${HURL:-$(command -v hurl || true)}
for program in hyperfine nginx; do
    if ! command -v "$program" >/dev/null; then
        if ! command -v apt-get >/dev/null || ((EUID != 0)); then
            echo "probes.sh: there is no $program; on Debian: apt-get install $program" >&2
            exit 1
        fi
        apt-get install -q -y --no-install-recommends "$program" >&2
    fi
done
cargo build --release --locked --manifest-path "$root/Cargo.toml" --bench probes --bin relgate
relgate=$root/target/release/relgate
bench=$(cargo bench --locked --manifest-path "$root/Cargo.toml" --bench probes --no-run --message-format json |
    sed -n 's/.*"executable":"\([^"]*probes-[^"]*\)".*/\1/p' | tail -1)

work=$(mktemp -d)
server=
finish() {
    [[ -z $server ]] || kill "$server" 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT
cd "$work"
unset RELGATE_BY RELGATE_RELEASE_NAME

port=18473
url=http://127.0.0.1:$port/health
mkdir temp logs
cat >nginx.conf <<NGINX
daemon off;
pid $work/nginx.pid;
worker_processes 1;
error_log $work/logs/error.log;
events { worker_connections 4096; }
http {
    access_log off;
    client_body_temp_path $work/temp;
    proxy_temp_path $work/temp;
    fastcgi_temp_path $work/temp;
    uwsgi_temp_path $work/temp;
    scgi_temp_path $work/temp;
    server {
        listen 127.0.0.1:$port backlog=4096;
        location / {
            default_type application/json;
            return 200 '{"status":"ok","version":"2.4.0","checks":{"database":"ok","queue":3}}';
        }
    }
}
NGINX
nginx -p "$work" -c "$work/nginx.conf" &
server=$!
for _ in $(seq 100); do
    if bash -c "exec 3<>/dev/tcp/127.0.0.1/$port" 2>/dev/null; then break; fi
    sleep 0.05
done

# The same question so often: in one file for hurl, in a file each for its parallel form, and in one for relgate.
mkdir many
entry() { printf 'GET %s?%s\nHTTP 200\n[Asserts]\njsonpath "$.status" == "ok"\n\n' "$url" "$1"; }
for n in $(seq "$count"); do
    entry "$n" >"many/$n.hurl"
done
cat many/*.hurl >one.hurl
{
    printf 'concurrency: %s\nper_host: %s\nprobes:\n' "$concurrency" "$concurrency"
    for n in $(seq "$count"); do
        printf '  - id: p%s\n    http:\n      url: %s?%s\n      expect:\n' "$n" "$url" "$n"
        printf '        json:\n          - path: $.status\n            equals: ok\n'
    done
} >probes.yaml

commands=()
if [[ -n $hurl ]]; then
    "$hurl" --version | head -1
    commands+=(--command-name "hurl one file" "$hurl --test one.hurl")
    commands+=(--command-name "hurl --parallel" "$hurl --test --parallel many")
fi
commands+=(--command-name "relgate" "$relgate probe run probes.yaml")
commands+=(--command-name "relgate reading" "$relgate probe list probes.yaml")
commands+=(--command-name "relgate asking" "$bench relgate $url $count $concurrency")
commands+=(--command-name "bare client" "$bench bare $url $count $concurrency")

hyperfine --shell=none --warmup 3 --runs "${RUNS:-30}" --export-csv times.csv "${commands[@]}"
"$relgate" probe run probes.yaml >ran.txt
grep "^PASS  $count of $count probes pass" ran.txt
if time=$(type -P time); then
    "$time" -f 'relgate probe run: %M KB at most' "$relgate" probe run probes.yaml >/dev/null
fi
"$bench" relgate "$url" "$count" "$concurrency"
"$bench" bare "$url" "$count" "$concurrency"
# Medians: another program that runs meanwhile disturbs them least.
awk -F, 'NR > 1 { median[$1] = $4; least[$1] = $7 }
    NR > 1 { printf "%s: %.1f ms (median), %.1f ms (least)\n", $1, $4 * 1000, $7 * 1000 }
    function against(one, other) {
        if (other in median) printf "%s / %s: %.2f (medians), %.2f (least)\n", one, other,
            median[one] / median[other], least[one] / least[other]
    }
    END {
        against("relgate", "hurl one file"); against("relgate", "hurl --parallel"); against("relgate", "bare client")
        against("relgate asking", "bare client")
    }' times.csv
