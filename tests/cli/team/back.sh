#!/bin/sh
# Takes the shop back to the previous version. Every run leaves a line.
set -eu
echo "$RELGATE_RELEASE to $RELGATE_PREVIOUS, attempt $RELGATE_ATTEMPT, $RELGATE_STAGE, ${RELGATE_INCIDENT:-none}" >>live/runs
printf '%s\n' "$RELGATE_PREVIOUS" >live/version
touch live/home live/search
echo "the old version serves"
