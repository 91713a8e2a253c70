#!/bin/sh
# budget.sh - training in little memory: models of the zoo in the smallest arena that a step of theirs can have, and somewhat above it,
# with other threads, and gone on with in another budget, give the bits of training without a budget. And nonsense is refused.
adze=${ADZE:-${abs_top_builddir:-build}/cli/adze}
[ -x "$adze" ] || { echo "budget: $adze: no such program; run make first"; exit 77; }
ADZE_ZOO=${ADZE_ZOO:-$(cd "${srcdir:-.}" && pwd)/models/zoo}
OMP_WAIT_POLICY=passive
export ADZE_ZOO OMP_WAIT_POLICY
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
bad=0

fail() {
    echo "FAIL: $*"
    bad=1
}

# train MODEL RUN OPTIONS...: prints the SHA-256 over weights, state and optimiser; messages are in $dir/err.
train() {
    model=$1 run=$dir/$2
    shift 2
    "$adze" train "zoo:$model" --profile tiny -o "$run" --progress none --set train.steps=4 --set train.batch=2 \
        --set data.options='train=20, val=2, test=2' "$@" 2>"$dir/err" | sed -n 's/^sha256  \([0-9a-f]*\).*/\1/p'
}

# refused WORDS ARGUMENTS...: status 2, the words on stderr, no run directory.
refused() {
    words=$1
    shift
    "$adze" "$@" >/dev/null 2>"$dir/err"
    status=$?
    [ $status = 2 ] || fail "adze $*: status $status, want 2"
    grep -qF -- "$words" "$dir/err" || fail "adze $*: no '$words' but $(cat "$dir/err")"
    [ -e "$dir/none" ] && fail "adze $*: left a run directory"
}

for model in ${*:-phiseg hpu_net swin_unet}; do
    want=$(train "$model" free -t 1)
    [ -n "$want" ] || fail "$model: no run: $(cat "$dir/err")"
    train "$model" none -t 3 --memory 1B >/dev/null
    least=$(sed -n 's/.*smallest arena.*(\([0-9]*\) bytes); without.*/\1/p' "$dir/err")
    [ -n "$least" ] || fail "$model: a budget of one byte: $(cat "$dir/err")"
    for variant in "3 ${least}B" "2 $((least / 1024 + 1))KiB" "1 $((least * 11 / 10))B"; do
        rm -rf "$dir/tight"
        # shellcheck disable=SC2086
        set -- $variant
        [ "$(train "$model" tight -t "$1" --memory "$2")" = "$want" ] || fail "$model: $1 threads in $2: other bits, or no run"
        grep -q '[1-9][0-9]* records run again' "$dir/err" || fail "$model: $1 threads in $2: nothing is said to be run again"
    done
    train "$model" halves -t 2 --stop-after 2 >/dev/null
    [ "$(train "$model" halves -t 3 --resume --memory "${least}B")" = "$want" ] || fail "$model: gone on with in $least bytes: other bits"
    refused "is too small: the smallest arena" train "zoo:$model" --profile tiny --set train.batch=2 -o "$dir/none" -t 3 --memory $((least - 1))B
    rm -rf "$dir"/free "$dir"/tight "$dir"/halves
    echo "$model $least bytes, $want"
done

for size in 600 600MB MiB 12x -5MiB 0MiB 0.0001B 1e400GiB 'many MiB' nan; do
    refused "--memory: '$size' is not a size" train zoo:phiseg --profile tiny -o "$dir/none" --memory "$size"
    refused "train.memory: '$size' is not a size" train zoo:phiseg --profile tiny -o "$dir/none" --set train.memory="$size"
done
refused "--memory needs a value: SIZE" train zoo:phiseg -o "$dir/none" --memory
refused "--memory: '7' is not a size" inspect zoo:phiseg --memory 7
refused "is too small: the smallest arena" inspect zoo:phiseg --memory=1KiB
"$adze" inspect zoo:phiseg --memory --batch 2 >"$dir/out" || fail "inspect --memory needs no size"
"$adze" inspect zoo:phiseg --profile tiny --memory 8MiB --batch 2 >"$dir/out" && grep -q 'run again' "$dir/out" || fail "inspect --memory takes a size"
exit $bad
