#!/bin/sh
# Plays a whole release of the storefront: no-go, sign-offs, go, a deployment that is right and broken all the same, the
# window, the rollback, and what is left of it. It works in a temporary folder, takes about half a minute, and leaves
# nothing behind.
#
# Usage: examples/storefront/play.sh, from anywhere.
# It builds what it needs, unless RELGATE and STOREFRONT name the two programs.
# The exit code is 0 if every command ended with its documented exit code, and 1 at the first that did not.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)

# The path of a program of this project, built.
built() {
    cargo build --release --manifest-path "$here/../../Cargo.toml" "$@" --message-format json-render-diagnostics |
        sed -n 's/.*"executable":"\([^"]*\)".*/\1/p'
}

relgate=${RELGATE:-$(built --bin relgate)}
storefront=${STOREFRONT:-$(built --example storefront)}
for program in "$relgate" "$storefront"; do
    if [ ! -x "$program" ]; then
        echo "play.sh: there is no program \"$program\"; did the build fail?" >&2
        exit 1
    fi
done

work=$(mktemp -d)
finish() {
    code=$?
    trap - EXIT
    cd /
    "$storefront" stop all --state "$work/state" || code=1
    rm -rf "$work" || { sleep 1 && rm -rf "$work"; }
    exit "$code"
}
trap finish EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# Whoever plays it may have settings of their own for relgate; here they would change the story.
unset RELGATE_BY RELGATE_RELEASE RELGATE_POLICY RELGATE_FORMAT

mkdir "$work/state" "$work/tools" "$work/shop"
cp -R "$here/." "$work/shop"
mkdir "$work/shop/bin"
cp "$storefront" "$work/shop/bin/storefront"
cp "$relgate" "$work/tools/relgate"
export PATH="$work/tools:$PATH" SHOP_STATE="$work/state"
cd "$work/shop"

chapter() {
    printf '\n\n=== %s\n' "$1"
}

meaning() {
    case $1 in
    0) echo "all is well" ;;
    1) echo "no-go" ;;
    3) echo "invalid input, nothing was decided" ;;
    5) echo "rolled back, and verified" ;;
    6) echo "stuck: a person is needed now" ;;
    7) echo "refused, nothing was changed" ;;
    *) echo "not expected in this play" ;;
    esac
}

# play CODE COMMAND…: shows a command, runs it, and insists on its exit code.
play() {
    expected=$1
    shift
    printf '\n$ %s\n' "$*"
    code=0
    "$@" 2>&1 || code=$?
    if [ "$code" -ne "$expected" ]; then
        printf '[exit %s, where %s is documented]\n' "$code" "$expected"
        exit 1
    fi
    printf '[exit %s: %s]\n' "$code" "$(meaning "$code")"
}

# serves VERSION TEXT: insists that users reach that version, and a home page with that text.
serves() {
    page=$(bin/storefront get "http://127.0.0.1:$SHOP_PORT/")
    version=$(bin/storefront get "http://127.0.0.1:$SHOP_PORT/version")
    case "$version $page" in
    "$1 "*"$2"*) ;;
    *)
        printf '[%s serves a page, where %s and "%s" were expected:]\n%s\n' "$version" "$1" "$2" "$page"
        exit 1
        ;;
    esac
}

# has TEXT COMMAND…: insists that what a command prints contains a text.
has() {
    text=$1
    shift
    if ! "$@" | grep -qF -- "$text"; then
        printf '[no "%s" in what this prints: %s]\n' "$text" "$*"
        exit 1
    fi
}

notes=releases/2.4.0/release-notes.md
# The release goes out today: the go/no-go is about the day before.
sed "s/^deploy_at: .*/deploy_at: $(date -u +%Y-%m-%dT%H:%M:%SZ)/" "$notes" >"$work/notes.md"
cp "$work/notes.md" "$notes"

chapter "The shop serves version 2.3.9"
bin/storefront start 2.3.9
cp config/2.3.9.conf "$SHOP_STATE/shop.conf"
bin/storefront flag new-cart off
bin/storefront switch 2.3.9
bin/storefront start-front
SHOP_PORT=$(cat "$SHOP_STATE/front/port")
export SHOP_PORT
play 0 bin/storefront get "http://127.0.0.1:$SHOP_PORT/"
serves 2.3.9 '<nav'

chapter "A mistyped word in the release notes is found, not passed over"
sed '/id: home-page$/,/timeout/ s/timeout/tiemout/' "$work/notes.md" >"$notes"
play 3 relgate lint
cp "$work/notes.md" "$notes"
play 0 relgate lint

chapter "Nobody has signed: no-go"
play 1 relgate --by rory check

chapter "Sign-offs, in the order of the hand-off"
echo "Stella is early: release management has not signed."
play 7 relgate --by stella sign stakeholder --all --yes
play 0 relgate --by dana sign development --all --yes
play 0 relgate --by quin sign qa --all --yes
play 0 relgate --by omar sign settings --all --yes
play 0 relgate --by sam sign security --all --yes
play 0 relgate --by rory sign release-management --all --yes
play 0 relgate --by stella sign stakeholder --all --yes
echo
echo "All five together, on the day:"
for person in dana quin sam rory stella; do
    play 0 relgate --by "$person" sign go-no-go --all --yes
done
play 0 relgate --by rory check

chapter "The deployment"
echo "Dana may develop, and not deploy."
play 7 relgate --by dana deploy start
play 0 relgate --by omar deploy start
play 0 ./deploy.sh 2.4.0
play 0 relgate --by omar deploy done
serves 2.4.0 '<h1>'

chapter "Deployed exactly as written, verified twice, and broken: six seconds to mend it, then it goes back"
play 5 relgate --by omar verify --all --yes

chapter "The old version serves again, and proves it"
play 0 bin/storefront get "http://127.0.0.1:$SHOP_PORT/version"
play 0 bin/storefront get "http://127.0.0.1:$SHOP_PORT/"
serves 2.3.9 '<nav'
if [ -e "$SHOP_STATE/2.4.0/port" ]; then
    echo "[version 2.4.0 still runs]"
    exit 1
fi

chapter "What is left for the day: the record, and what is owed"
play 0 relgate status
play 0 relgate log
has rolled-back relgate log --format json
play 0 relgate ledger verify
play 0 relgate due
play 0 cat releases/2.4.0/documents/rca.md
has 'home-page' cat releases/2.4.0/documents/rca.md

chapter "A release that was taken back is not deployed again"
play 7 relgate --by omar --release 2.4.0 deploy start

chapter "Every command ended with its documented exit code"
