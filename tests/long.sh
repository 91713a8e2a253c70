#!/bin/sh
# long.sh - the checks that check the checker, thousands of random tapes, second derivatives of every op, gradients of every model of the
# zoo, and failures of every allocation; `make check-long` runs it. ADZE_TAPES and ADZE_TAPES_SEED say how many tapes and from which seed
# on, ADZE_JOBS how many parts run at once (default: one a core; each on one thread, which double precision on small models makes better
# use of).
build=${abs_top_builddir:-build}
tapes=${ADZE_TAPES:-4000} seed=${ADZE_TAPES_SEED:-1} jobs=${ADZE_JOBS:-$(nproc)} n=0
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
export build dir

# part NAME COMMAND: one line of shell, to be run later.
part() {
    n=$((n + 1))
    echo "$1" >"$dir/$n.name"
    echo "$2" >"$dir/$n.sh"
}

# The longest first.
part "out of memory at every allocation" '"$build/tests/test_memory" --all'

# Each half of many tapes is long enough for its own checks of the whole.
half=$((tapes >= 3000 ? tapes / 2 : tapes))
part "$half random tapes from $seed on" '"$build/tests/random_tapes"'" --count $half --seed $seed"
[ $half = "$tapes" ] || part "$((tapes - half)) random tapes from $((seed + half)) on" \
    '"$build/tests/random_tapes"'" --count $((tapes - half)) --seed $((seed + half))"
for file in "${ADZE_ZOO:?}"/*.yaml; do
    model=$(basename "$file" .yaml)
    part "gradient of $model, tiny" 'ADZE_THREADS=1 "$build/cli/adze"'" gradcheck zoo:$model --profile tiny --directions 8 --weights 40"
done
part "derivatives of every op, twice" '"$build/cli/adze" gradcheck --all --order 2'
part "mutants of gradients" '"$build/tests/test_mutants"'
part "mutants of outputs" '"$build/tests/test_mutants_forward" --all'

# shellcheck disable=SC2016
seq $n | xargs -P "$jobs" -I{} sh -c '
    sh "$dir/{}.sh" >"$dir/{}.log" 2>&1 && touch "$dir/{}.ok" && echo "ok    $(cat "$dir/{}.name")" && exit 0
    echo "FAIL  $(cat "$dir/{}.name")"
    grep -vE "^\[ +(RUN|OK) +\]" "$dir/{}.log" | tail -n 60'

# total PATTERN: two numbers of each log that has such a line, added up.
total() {
    cat "$dir"/*.log | sed -n "s/^.*$1.*\$/\1 \2/p" | awk '{ a += $1; b += $2 } END { print a + 0, "of", b + 0 }'
}
said="mutants killed $(total 'mutants killed: \([0-9]*\) of \([0-9]*\)'), random tapes $(total 'random tapes: \([0-9]*\) of \([0-9]*\) agree')"
if [ "$tapes" = 4000 ] && ! grep -qF "\`$said\`" "${srcdir:-.}/README.md"; then
    echo "README.md quotes another line than the next one"
    touch "$dir/README.stale"
fi
echo "$said"
[ "$(find "$dir" -name '*.ok' | wc -l)" = $n ] && [ ! -e "$dir/README.stale" ]
