#!/usr/bin/env bash
# Runs the tests in this folder. The Python tools that they drive are kept in dist/venv.
set -euo pipefail
cd "$(dirname "$0")/.."

requirements=integration/requirements.txt
venv=$PWD/dist/venv

make_venv() {
	echo "installing $requirements into dist/venv"
	rm -rf "$venv"
	python3 -m venv "$venv" &&
		"$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$requirements" &&
		cp "$requirements" "$venv/"
}

if ! cmp -s "$requirements" "$venv/requirements.txt" && ! make_venv; then
	echo "SKIPPED: the integration tests need python3 with venv, and pip must reach its package index"
	exit 0
fi
export PATH=$venv/bin:$PATH
set -x
go test -tags integration -count=1 ./integration/...
