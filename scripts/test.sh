#!/usr/bin/env bash
# Installs galkeras and runs its linter, its type checker and its tests:  bash scripts/test.sh [pytest arguments]
set -euo pipefail
. "$(dirname "$0")/venv.sh" test
ruff check .
ruff format --check .
mypy
python -m pytest -n 2 --dist loadfile "$@"
