#!/bin/sh
# check.sh - runs every example and compares what it prints with its recorded output. NAME.expected belongs to the script NAME.sh, which
# finds the build in $BUILT and adze in $ADZE, or else to the program NAME. The scripts train. What they print was recorded with vector
# instructions, whose rounding the plain kernels do not share: where there are none they only have to run.
#
# After a change that is meant to change a number: srcdir=. abs_top_builddir=$PWD/build sh examples/check.sh record, then look at the
# difference, and at the pages of docs/book that quote it.
BUILT=$abs_top_builddir ADZE=$abs_top_builddir/cli/adze ADZE_ZOO=$srcdir/models/zoo OMP_WAIT_POLICY=passive
export BUILT ADZE ADZE_ZOO OMP_WAIT_POLICY
bad=0 n=0
for expected in "$srcdir"/examples/*.expected "$srcdir"/examples/book/*.expected; do
    name=${expected#"$srcdir"/examples/} name=${name%.expected}
    script=$srcdir/examples/$name.sh out=check-$(basename "$name").out
    if [ -f "$script" ]; then sh "$script"; else "$BUILT/examples/$name"; fi >"$out" || { echo "$name failed"; bad=1; }
    if [ "$1" = record ]; then cp "$out" "$expected"; fi
    if [ ! -f "$script" ] || ! "$ADZE" --version | grep -q 'processor  base'; then
        diff "$expected" "$out" >"$out.diff" || { echo "$name prints something else:"; cat "$out.diff"; bad=1; }
    fi
    rm -f "$out" "$out.diff"
    n=$((n + 1))
done
[ $n -ge 17 ] || { echo "only $n examples found"; bad=1; }
exit $bad
