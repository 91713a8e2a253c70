#!/bin/sh
# docs.sh - the generated pages agree with the tables, every file that the documents name exists, and every whole model in them is one.
adze=$abs_top_builddir/cli/adze bad=0
for page in ops experiments; do
    sh "$srcdir/docs/generate.sh" "$adze" $page >docs-page.new || bad=1
    diff "$srcdir/docs/$page.md" docs-page.new >docs-page.diff || { echo "docs/$page.md is out of date:"; head -n 20 docs-page.diff; bad=1; }
    rm -f docs-page.new docs-page.diff
done
cd "$srcdir" || exit 1
for page in README.md CONTRIBUTING.md docs/*.md docs/*/*.md */README.md; do
    case $page in docs/add-*) continue ;; esac   # these name files that the reader is about to write
    for name in $(grep -oE '`(autograd|ops|models|optim|datasets|metrics|formats|experiments|cli|tests|examples|bench|docs)/[A-Za-z0-9_./-]+\.(c|h|md|sh|py|yaml|mk)`' "$page" | tr -d '`'); do
        case $name in *NAME*) continue ;; esac
        [ -f "$name" ] || { echo "$page names $name, which does not exist"; bad=1; }
    done
done
ADZE_ZOO=$PWD/models/zoo here=$(mktemp -d) || exit 1
export ADZE_ZOO
trap 'rm -rf "$here"' EXIT
awk -v to="$here" '/^```yaml$/ { text = ""; on = 1; next }
     /^```$/ && on { on = 0; if (text ~ /(^|\n)model:/ && text ~ /\nprograms:/) printf "%s", text > (to "/" ++n ".yaml") }
     on { text = text $0 "\n" }' README.md docs/*.md
for model in "$here"/*.yaml; do
    "$adze" inspect "$model" >"$here/said" 2>&1 || { echo "a model of the documents does not open:"; cat "$model" "$here/said"; bad=1; }
done
[ -f "$here/3.yaml" ] || { echo "the documents show fewer than three models"; bad=1; }
exit $bad
