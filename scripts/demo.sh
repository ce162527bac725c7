#!/usr/bin/env bash
# Installs galkeras and runs the main job, from mock survey to figures:  bash scripts/demo.sh [FOLDER]
# Run again, it goes on where it was interrupted.
set -euo pipefail
. "$(dirname "$0")/venv.sh" mock
demo=${1:-demo}

run() { printf '\n$ %s\n' "$*"; "$@"; }
once() { [ -e "$1" ] || run "${@:2}"; }

run galkeras mock --galaxies 1500 --surveys decals --size 64 --pixel-scale 0.524 --seed 1 --out "$demo/mock"
run galkeras make-tfrecords "$demo/mock/catalog.parquet" "$demo/mock/cutouts/decals" --out "$demo/tfrecords/decals"
run galkeras inspect "$demo/tfrecords/decals"
run galkeras fit "$demo/tfrecords/decals" --latent 40 --out "$demo/saved_models/vae40" --resume
once "$demo/latents.parquet" \
    galkeras encode "$demo/saved_models/vae40" "$demo/tfrecords/decals" --out "$demo/latents.parquet"
once "$demo/forests/gzd5/forests.json" \
    galkeras classify "$demo/latents.parquet" "$demo/mock/catalog.parquet" --out "$demo/forests/gzd5"
once "$demo/morphology.parquet" \
    galkeras predict "$demo/latents.parquet" "$demo/forests/gzd5" --out "$demo/morphology.parquet"

printf '\nLook at:\n'
ls "$demo"/tfrecords/decals/mosaic.png "$demo"/saved_models/vae40/*.png "$demo"/forests/gzd5/*.png "$demo"/forests/gzd5/*.md
