#!/usr/bin/env bash
# Builds etcd, kube-apiserver, kube-controller-manager, kube-scheduler and kubectl from Go modules into bin/k8s, once. The first time takes some
# ten minutes on two cores; afterwards Go's build cache makes it quick. Nothing is built when KUBEBUILDER_ASSETS names other programs.
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
echo "Building the control plane into bin/k8s. The first time this takes some ten minutes." >&2
mkdir -p "$out"
new=$(mktemp -d "$out/../k8s.XXXXXX")
trap 'rm -rf "$new"' EXIT
began=$SECONDS
version="k8s.io/component-base/version"
# -v names each package as it is compiled: every 200th is shown.
go build -C "$here" -v -o "$new/" \
  -ldflags "-s -w -X $version.gitVersion=v1.37.2 -X $version.gitMajor=1 -X $version.gitMinor=37" tool 2>&1 |
  awk '/^go: downloading/ {d++; if (d % 50 == 0) {print "  " d " modules downloaded" > "/dev/stderr"}; next}
       /^[a-z0-9.]+\// || /^[a-z]+$/ {n++; if (n % 200 == 0) {print "  " n " packages compiled" > "/dev/stderr"}; next}
       {print > "/dev/stderr"}'
mv "$new/server" "$new/etcd" # etcd's program is named for its module
for f in "$new"/*; do mv "$f" "$out/"; done
echo "$want" >"$stamp"
echo "Built in $((SECONDS - began)) s." >&2
