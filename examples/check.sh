#!/bin/sh
# check.sh - runs every example and compares what it prints with its recorded output. NAME.expected belongs to the script NAME.sh, which
# finds the program in $ADZE, or else to the program NAME.
ADZE=$abs_top_builddir/cli/adze ADZE_ZOO=$srcdir/models/zoo OMP_WAIT_POLICY=passive
export ADZE ADZE_ZOO OMP_WAIT_POLICY
bad=0 n=0
for expected in "$srcdir"/examples/*.expected "$srcdir"/examples/book/*.expected; do
    name=${expected#"$srcdir"/examples/} name=${name%.expected}
    diff=check-$(basename "$name").diff
    if [ -f "$srcdir/examples/$name.sh" ]; then sh "$srcdir/examples/$name.sh"; else "$abs_top_builddir/examples/$name"; fi |
        diff "$expected" - >"$diff" || { echo "$name prints something else:"; cat "$diff"; bad=1; }
    rm -f "$diff"
    n=$((n + 1))
done
[ $n -ge 15 ] || { echo "only $n examples found"; bad=1; }
exit $bad
