#!/bin/sh
# Runs each step of the Dockerfile in a clean folder, without a container engine, then starts what would be the image. See check-image.mjs.
exec node "$(dirname "$0")/check-image.mjs" "$@"
