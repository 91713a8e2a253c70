# 10_hierarchy.sh - the program of chapter 10 with its model: `sh 10_hierarchy.sh [STEPS [SHEET.png]]`. 100 steps take seconds, 1000 a
# minute or two.
here=$(dirname "$0") run=$(mktemp -d) || exit 1
trap 'rm -rf "$run"' EXIT
"${BUILT:-build}/examples/book/10_hierarchy" "$here/10_hierarchy.yaml" "$run/run" "${1:-100}" ${2:+"$2"}
