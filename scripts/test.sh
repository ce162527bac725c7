#!/usr/bin/env bash
# Installs galkeras and runs its linter and its tests:  bash scripts/test.sh [pytest arguments]
set -euo pipefail
. "$(dirname "$0")/venv.sh" test
ruff check .
python -m pytest -n 2 --dist loadfile "$@"
