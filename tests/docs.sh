#!/bin/sh
# docs.sh - the op reference agrees with the op table, and every file that the documents name exists.
adze=$abs_top_builddir/cli/adze bad=0
sh "$srcdir/docs/generate-ops.sh" "$adze" >docs-ops.new || bad=1
diff "$srcdir/docs/ops.md" docs-ops.new >docs-ops.diff || { echo "docs/ops.md is out of date:"; head -n 20 docs-ops.diff; bad=1; }
rm -f docs-ops.new docs-ops.diff
cd "$srcdir" || exit 1
for page in README.md CONTRIBUTING.md docs/*.md */README.md; do
    for name in $(grep -oE '`(autograd|ops|models|optim|datasets|metrics|formats|experiments|cli|tests|examples|bench|docs)/[A-Za-z0-9_./-]+\.(c|h|md|sh|py|yaml|mk)`' "$page" | tr -d '`'); do
        case $name in */NAME.*) continue ;; esac
        [ -f "$name" ] || { echo "$page names $name, which does not exist"; bad=1; }
    done
done
exit $bad
