# Sourced by the other scripts: installs galkeras with the named extras into .venv and activates it.
#   . scripts/venv.sh EXTRAS
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
[ -x .venv/bin/python ] || "${PYTHON:-$(command -v python3.11 || command -v python3)}" -m venv .venv
. .venv/bin/activate
python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[$1]"
