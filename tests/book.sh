#!/bin/sh
# book.sh - what the pages of docs/book quote is what the files say, every link leads somewhere, and nothing is missing in the contents.
#
# A block marked c, yaml or output must stand, line by line, in a file that the page names in `..`; a line of three dots stands for
# lines left out. So a page cannot show code that has changed, or output that the tests have not compared.
cd "$srcdir" || exit 1
bad=0 pages=0
for page in docs/book/[0-9]*.md; do
    pages=$((pages + 1))
    files=$(grep -oE '`examples/[A-Za-z0-9_/]+\.(c|yaml|sh|expected)`' "$page" | tr -d '`' | sort -u)
    [ "$files" ] || { echo "$page names no example"; bad=1; continue; }
    grep -q '^```output' "$page" || { echo "$page shows no output"; bad=1; }
    awk -v files="$files" -v page="$page" '
        function trim(s) { gsub(/^[ \t]+|[ \t]+$/, "", s); return s }
        function look() {
            if (part != "" && index(text, "\n" part) == 0) { print page ": line " NR ": in no file that the page names:"; print part; bad = 1 }
            part = ""
        }
        BEGIN {
            for (i = split(files, name, /[ \n]+/); i > 0; i--) {
                text = text "\n"
                while ((got = getline line < name[i]) > 0) text = text trim(line) "\n"
                if (got < 0) { print page ": no file " name[i]; bad = 1 }
            }
        }
        /^```(c|yaml|output)$/ { on = 1; next }
        /^```/ { if (on) look(); on = 0; next }
        on { if (trim($0) == "...") look(); else part = part trim($0) "\n" }
        END { exit bad }' "$page" || bad=1
    grep -q "]($(basename "$page"))" docs/book/README.md || { echo "docs/book/README.md does not list $page"; bad=1; }
done
[ $pages -ge 12 ] || { echo "docs/book has only $pages chapters"; bad=1; }
for page in docs/derivations/*.md; do
    grep -q "](../derivations/$(basename "$page"))" docs/book/README.md || { echo "docs/book/README.md does not list $page"; bad=1; }
    grep -q "docs/derivations/$(basename "$page")" ops/*.c ops/*.h ops/kernels/*.h || { echo "no file of ops/ names $page"; bad=1; }
done
for page in README.md docs/*.md docs/*/*.md; do
    for link in $(grep -oE '\]\([^)#]+' "$page" | sed 's/^](//' | grep -v :); do
        [ -e "$(dirname "$page")/$link" ] || { echo "$page: $link does not exist"; bad=1; }
    done
done
exit $bad
