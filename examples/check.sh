#!/bin/sh
# check.sh - runs every example and compares what it prints with its recorded output.
bad=0 n=0
for expected in "$srcdir"/examples/*.expected; do
    name=$(basename "$expected" .expected)
    "$abs_top_builddir/examples/$name" | diff "$expected" - >"check-$name.diff" || { echo "$name prints something else:"; cat "check-$name.diff"; bad=1; }
    rm -f "check-$name.diff"
    n=$((n + 1))
done
[ $n -ge 2 ] || { echo "only $n examples found"; bad=1; }
exit $bad
