#!/bin/sh
# Takes one part of a release back to the last known good version: one call for each step of the rollback plan.
#
# Usage: ./rollback.sh flag|configuration|code
# relgate sets RELGATE_PREVIOUS, where to go, and RELGATE_RELEASE, what to leave. Every part may run twice.
set -eu

previous=${RELGATE_PREVIOUS:?"RELGATE_PREVIOUS names the version to go back to"}

case ${1-} in
flag)
    bin/storefront flag new-cart off
    echo "the new cart is off"
    ;;
configuration)
    cp "config/$previous.conf" "$SHOP_STATE/shop.conf"
    echo "the settings of $previous are back"
    ;;
code)
    # The old version still runs beside the new one; where it does not, it is started again.
    bin/storefront start "$previous"
    bin/storefront switch "$previous"
    bin/storefront stop "${RELGATE_RELEASE:?"RELGATE_RELEASE names the version to leave"}"
    echo "$previous serves"
    ;;
*)
    echo "usage: ./rollback.sh flag|configuration|code" >&2
    exit 2
    ;;
esac
