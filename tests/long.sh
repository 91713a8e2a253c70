#!/bin/sh
# long.sh - the checks that check the checker, thousands of random tapes, second derivatives of every op and gradients of every model of
# the zoo; `make check-long` runs it. ADZE_TAPES and ADZE_TAPES_SEED say how many tapes and from which seed on.
build=${abs_top_builddir:-build}
log=$(mktemp) && trap 'rm -f "$log"' EXIT
tapes=${ADZE_TAPES:-4000} seed=${ADZE_TAPES_SEED:-1} bad=0 killed=0 mutants=0 agree="0 of 0"

# ran NAME COMMAND...: the output is kept in the log and shown where it fails.
ran() {
    name=$1
    shift
    "$@" >"$log" 2>&1 && { echo "ok    $name"; return; }
    echo "FAIL  $name"
    grep -vE '^\[ +(RUN|OK) +\]' "$log" | tail -n 60
    bad=1
}

for test in "test_mutants" "test_mutants_forward --all"; do
    if [ ! -x "$build/tests/${test% *}" ]; then
        echo "FAIL  $test is not built (cmocka)"
        bad=1
        continue
    fi
    ran "$test" "$build/tests/"$test
    said=$(sed -n 's/^.*mutants killed: \([0-9]*\) of \([0-9]*\).*$/\1 \2/p' "$log")
    killed=$((killed + ${said% *})) mutants=$((mutants + ${said#* }))
done
ran "$tapes random tapes from $seed on" "$build/tests/random_tapes" --count "$tapes" --seed "$seed"
agree=$(sed -n 's/^random tapes: \([0-9]* of [0-9]*\) agree.*$/\1/p' "$log")
ran "derivatives of every op, twice" "$build/cli/adze" gradcheck --all --order 2
for file in "${ADZE_ZOO:?}"/*.yaml; do
    model=$(basename "$file" .yaml)
    ran "gradient of $model, tiny" "$build/cli/adze" gradcheck "zoo:$model" --profile tiny --directions 8 --weights 40
done
echo "mutants killed $killed of $mutants, random tapes ${agree:-0 of $tapes}"
exit $bad
