#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Adds the licence's header to the Go files and scripts that lack it. With --check it changes nothing, and fails if one does.
set -euo pipefail
cd "$(dirname "$0")/.."
header='SPDX-License-Identifier: Apache-2.0'
missing=()
while IFS= read -r f; do
  head -n 3 "$f" | grep -q "$header" || missing+=("$f")
done < <(git ls-files '*.go' '*.sh')
if [[ ${1:-} == --check ]]; then
  ((${#missing[@]} == 0)) || { printf 'no licence header: run hack/headers.sh\n' >&2; printf '  %s\n' "${missing[@]}" >&2; exit 1; }
  exit 0
fi
for f in "${missing[@]}"; do
  case $f in
    *.go) { printf '// %s\n\n' "$header"; cat "$f"; } >"$f.new" ;;
    *) { head -n 1 "$f"; printf '# %s\n#\n' "$header"; tail -n +2 "$f"; } >"$f.new" ;;
  esac
  chmod --reference="$f" "$f.new"
  mv "$f.new" "$f"
done
