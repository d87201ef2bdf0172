#!/usr/bin/env bash
# The time of `check` on a ledger of 20 signed sign-offs, and of 2,000, with a signed rejection between each two, each
# process new. Needs hyperfine and ssh-keygen.
# Usage: cargo build --release && benches/signed.sh   (RELGATE names another program, COUNTS other numbers)
set -euo pipefail

cd "$(dirname -- "${BASH_SOURCE[0]}")/.."
relgate=$(realpath "${RELGATE:-target/release/relgate}")
counts=${COUNTS:-20 2000}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
unset RELGATE_RELEASE_NAME RELGATE_POLICY_DIGEST SSH_AUTH_SOCK
export RELGATE_BY=you RELGATE_SIGNING_KEY="$folder/key" HOME=$folder
ssh-keygen -q -t ed25519 -N '' -f "$folder/key"

made=0
mkdir "$folder/team" && cd "$folder/team"
git init -q . && git config user.email you@example.com
"$relgate" init --quiet
mkdir -p .relgate
echo "you@example.com,you namespaces=\"relgate\" $(cat "$folder/key.pub")" >.relgate/allowed_signers
echo 'signatures: required' >>relgate.yaml
"$relgate" new 1.1.0 --type patch --quiet
for count in $counts; do
    while ((made < count)); do
        # Who has signed signs again only after a no: so there are as many signed rejections, but one.
        ((made == 0)) || "$relgate" sign development --reject --reason again --quiet
        "$relgate" sign development --all --yes --quiet
        made=$((made + 1))
    done
    # A check records its answer: the ledger is put back before each, so that every run finds the same.
    cp -r releases/1.1.0/ledger "$folder/ledger-$count"
    echo "=== $count signed sign-offs"
    # Who asks names no key, so the answer is recorded unsigned: what is timed is verifying.
    env -u RELGATE_SIGNING_KEY hyperfine --ignore-failure --warmup 2 --runs "${RUNS:-20}" --shell=none --export-json "$folder/$count.json" \
        --prepare "sh -c 'rm -rf releases/1.1.0/ledger && cp -r $folder/ledger-$count releases/1.1.0/ledger'" \
        "$relgate check development --quiet"
done
