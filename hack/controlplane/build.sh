#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Builds etcd, kube-apiserver, kube-controller-manager, kube-scheduler and kubectl from Go modules in bin/k8s, unless they
# are up to date or KUBEBUILDER_ASSETS names another directory. The first build takes about ten minutes on two cores. Later
# ones use Go's build cache.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=$here/../../bin/k8s
if [ -n "${KUBEBUILDER_ASSETS:-}" ] && [ "$(realpath -m "$KUBEBUILDER_ASSETS")" != "$(realpath -m "$out")" ]; then
  exit 0
fi
stamp=$out/.built-from
want=$(cat "$here/go.mod" "$here/build.sh" | cksum)
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$want" ]; then
  exit 0
fi
echo "Building the control plane in bin/k8s. The first build takes about ten minutes." >&2
mkdir -p "$out"
new=$(mktemp -d "$out/../k8s.XXXXXX")
trap 'rm -rf "$new"' EXIT
began=$SECONDS
version="k8s.io/component-base/version"
# -v prints each package that is compiled. awk shows progress for every 200th.
go build -C "$here" -v -o "$new/" \
  -ldflags "-s -w -X $version.gitVersion=v1.37.2 -X $version.gitMajor=1 -X $version.gitMinor=37" tool 2>&1 |
  awk '/^go: downloading/ {d++; if (d % 50 == 0) {print "  " d " modules downloaded" > "/dev/stderr"}; next}
       /^[a-z0-9.]+\// || /^[a-z]+$/ {n++; if (n % 200 == 0) {print "  " n " packages compiled" > "/dev/stderr"}; next}
       {print > "/dev/stderr"}'
mv "$new/server" "$new/etcd" # go build names etcd's program after its module
for f in "$new"/*; do mv "$f" "$out/"; done
echo "$want" >"$stamp"
echo "Built in $((SECONDS - began)) s." >&2
