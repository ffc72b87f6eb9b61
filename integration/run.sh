#!/usr/bin/env bash
# Runs the tests in this folder. What they drive is kept in dist/: Python tools, and AWS's runtime clients.
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

# AWS's client for Node.js compiles a part of itself, which takes about a minute.
make_node() {
	local compiled=dist/node/node_modules/aws-lambda-ric/rapid-client.node
	if cmp -s integration/package.json dist/node/package.json && [ -f "$compiled" ]; then return; fi
	echo "installing integration/package.json into dist/node"
	rm -rf dist/node
	mkdir -p dist/node && cp integration/package.json dist/node/ &&
		npm install --prefix dist/node --no-package-lock --silent && [ -f "$compiled" ]
}

maven() {
	mvn --quiet --batch-mode -Dstyle.color=never --file dist/java/pom.xml "$@"
}

make_java() {
	echo "building examples/java in dist/java"
	rm -rf dist/java
	cp -r examples/java dist/java && command -v javac >/dev/null && maven dependency:copy-dependencies
}

if ! cmp -s "$requirements" "$venv/requirements.txt" && ! make_venv; then
	echo "SKIPPED: the integration tests need python3 with venv, and pip must reach its package index"
	exit 0
fi
make_node || echo "SKIPPED: Node.js under AWS's runtime client, which needs npm, cmake and a C++ compiler"
if make_java; then maven compile; else echo "SKIPPED: Java, which needs a JDK and Maven"; fi
export PATH=$venv/bin:$PATH
set -x
go test -tags integration -count=1 ./integration/...
