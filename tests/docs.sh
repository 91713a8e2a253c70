#!/bin/sh
# docs.sh - the generated pages agree with the tables, and every file that the documents name exists.
adze=$abs_top_builddir/cli/adze bad=0
for page in ops experiments; do
    sh "$srcdir/docs/generate.sh" "$adze" $page >docs-page.new || bad=1
    diff "$srcdir/docs/$page.md" docs-page.new >docs-page.diff || { echo "docs/$page.md is out of date:"; head -n 20 docs-page.diff; bad=1; }
    rm -f docs-page.new docs-page.diff
done
cd "$srcdir" || exit 1
for page in README.md CONTRIBUTING.md docs/*.md */README.md; do
    case $page in docs/add-*) continue ;; esac   # these name files that the reader is about to write
    for name in $(grep -oE '`(autograd|ops|models|optim|datasets|metrics|formats|experiments|cli|tests|examples|bench|docs)/[A-Za-z0-9_./-]+\.(c|h|md|sh|py|yaml|mk)`' "$page" | tr -d '`'); do
        case $name in *NAME*) continue ;; esac
        [ -f "$name" ] || { echo "$page names $name, which does not exist"; bad=1; }
    done
done
exit $bad
