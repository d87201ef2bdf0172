#!/bin/sh
# Deploys a version of the shop beside the one that serves, and sends users to it once it answers.
#
# Usage: ./deploy.sh VERSION [--broken nav|errors|slow]
# SHOP_STATE names the folder of what is running.
set -eu

version=${1:?"usage: ./deploy.sh VERSION [--broken nav|errors|slow]"}

bin/storefront start "$@"
cp "config/$version.conf" "$SHOP_STATE/shop.conf"
bin/storefront flag new-cart on
bin/storefront switch "$version"
echo "$version serves"
