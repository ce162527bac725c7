#!/usr/bin/env bash
# Serves exported models with TensorFlow Serving in Docker, over REST (8501) and gRPC (8500):
#   bash scripts/serve.sh saved_models/first [saved_models/second …]
# REST_PORT, GRPC_PORT, BIND (address to listen on, 127.0.0.1) and SERVING_IMAGE may be set in the environment.
# New versions are picked up as `galkeras export` finishes them.
set -euo pipefail
image=${SERVING_IMAGE:-tensorflow/serving}
bind=${BIND:-127.0.0.1}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/serving

fail() { echo "serve.sh: $*" >&2; exit 1; }
[ $# -gt 0 ] || fail "name one model folder or more, as in: bash scripts/serve.sh saved_models/first"
command -v docker > /dev/null || fail "docker is not installed: https://docs.docker.com/engine/install"

config=$(mktemp -d)
trap 'rm -rf "$config"' EXIT
cp "$here"/*.config "$config"
mounts=() blocks=()
for model in "$@"; do
  model=${model%/} name=$(basename "$model")
  [[ $name =~ ^[A-Za-z0-9._-]+$ ]] || fail "$model: a served model's name is letters, digits, dots and hyphens"
  compgen -G "$model/[0-9]*/saved_model.pb" > /dev/null || fail "$model has no version: galkeras export $model"
  mounts+=(--mount "type=bind,source=$(cd "$model" && pwd),target=/models/$name,readonly")
  blocks+=("$(sed "s/NAME/$name/g" "$here/model.config")")
done
printf 'model_config_list {\n%s\n}\n' "$(printf '%s\n' "${blocks[@]}")" > "$config/models.config"
# The server inside runs as another user than the one who made the folder.
chmod -R a+rX "$config"

docker run --rm --name "galkeras-$$" \
  -p "$bind:${REST_PORT:-8501}:8501" -p "$bind:${GRPC_PORT:-8500}:8500" \
  "${mounts[@]}" --mount "type=bind,source=$config,target=/config,readonly" \
  "$image" \
  --model_config_file=/config/models.config \
  --enable_batching=true --batching_parameters_file=/config/batching.config \
  --monitoring_config_file=/config/monitoring.config
