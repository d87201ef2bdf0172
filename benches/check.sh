#!/usr/bin/env bash
# Times `relgate check` on a release with 50 items and 20 sign-offs, beside `relgate --version` and another small native
# program, in one run; the ratios are what counts. Needs hyperfine and git.
#
# Usage: benches/check.sh [PROGRAM]; without a program it builds relgate for release first.
set -euo pipefail

root=$(cd "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
for program in hyperfine git; do
    if ! command -v "$program" >/dev/null; then
        echo "check.sh: there is no $program; on Debian: apt-get install $program" >&2
        exit 1
    fi
done
if (($# > 0)); then
    relgate=$(realpath "$1")
else
    cargo build --release --locked --manifest-path "$root/Cargo.toml" --bin relgate
    relgate=$(realpath "${CARGO_TARGET_DIR:-$root/target}/release/relgate")
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
unset RELGATE_BY RELGATE_RELEASE_NAME

# Twenty people with a role each, and for each role a gate: ten with three items, ten with two.
people="" roles="" gates=""
for n in $(seq 1 20); do
    people+="  person-$n: { roles: [role-$n] }"$'\n'
    roles+="  role-$n: {}"$'\n'
    gates+="  - id: gate-$n"$'\n'"    title: Gate $n"$'\n'"    phase: pre-release"$'\n'"    role: role-$n"$'\n'
    gates+="    items:"$'\n'
    for item in $(seq 1 $((n <= 10 ? 3 : 2))); do
        gates+="      - { id: item-$item, title: Statement $item of gate $n, optional: false }"$'\n'
    done
done
printf 'version: 1\npeople:\n%sroles:\n%s' "$people" "$roles" >relgate.yaml
mkdir -p releases/1.0.0
printf 'gates:\n%s' "$gates" >releases/1.0.0/checklist.yaml
cat >releases/1.0.0/release-notes.yaml <<'NOTES'
release: "1.0.0"
type: minor
reason: To be timed
team: Team
summary: A release with 50 items and 20 sign-offs
changes: [One]
deploy_at: 2026-01-01T00:00:00Z
known_issues: []
expected: [Nothing else]
previous: "0.9.0"
deployment: { strategy: rolling, checklist: [{ id: there, title: It is there }] }
verification: { probes: [{ id: up, command: { argv: ["true"], expect: { exit: 0 } } }] }
rollback:
  plan: [{ id: back, kind: code, argv: ["true"] }]
  target_probe: { id: old, command: { argv: ["true"], expect: { exit: 0 } } }
  verify: [{ id: old-up, command: { argv: ["true"], expect: { exit: 0 } } }]
NOTES
for n in $(seq 1 20); do
    "$relgate" --quiet --by "person-$n" sign "gate-$n" --all --yes
done
"$relgate" --by person-1 check | head -1
# Every check is recorded, durably; the timed ones all begin with the same ledger.
ledger=releases/1.0.0/ledger
cp -R "$ledger" ledger.before
printf '#!/bin/sh\nrm -rf %s\ncp -R ledger.before %s\n' "$ledger" "$ledger" >restore
chmod +x restore

hyperfine --shell=none --warmup 20 --runs 300 --export-csv times.csv --prepare ./restore \
    --command-name "relgate check" "$relgate --quiet --by person-1 check" \
    --command-name "relgate --version" "$relgate --version" \
    --command-name "git --version" "git --version"
# Medians: another program that runs meanwhile disturbs them least.
awk -F, 'NR == 2 { check = $4; printf "\nrelgate check: %.1f ms (median), %.1f ms (least)\n", check * 1000, $7 * 1000 }
    NR > 2 { printf "relgate check / %s: %.2f\n", $1, check / $4 }' times.csv
