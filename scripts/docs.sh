#!/usr/bin/env bash
# Installs galkeras and builds its documentation into site/:  bash scripts/docs.sh
set -euo pipefail
. "$(dirname "$0")/venv.sh" docs
mkdocs build --strict "$@"
