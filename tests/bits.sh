#!/bin/sh
# bits.sh - twenty training steps of every tiny model of the zoo give the same bits for any number of threads, either instruction
# set, and a run that was killed in the middle and went on. Models may be named as arguments; ADZE is the program.
adze=${ADZE:-${abs_top_builddir:-build}/cli/adze}
[ -x "$adze" ] || { echo "bits: $adze: no such program; run make first"; exit 77; }
ADZE_ZOO=${ADZE_ZOO:-$(cd "${srcdir:-.}" && pwd)/models/zoo}
OMP_WAIT_POLICY=passive
export ADZE_ZOO OMP_WAIT_POLICY
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
bad=0

# start MODEL NAME OPTIONS...: the run in the directory NAME, in place of this (sub)shell.
start() {
    model=$1 run=$dir/$2
    shift 2
    exec "$adze" train "zoo:$model" --profile tiny -o "$run" -q --progress none --set train.steps=20 --set train.batch=2 \
        --set data.options='train=40, val=2, test=2' --set train.save_every=10 "$@" >/dev/null 2>"$run.err"
}

# The same, waited for; prints the SHA-256 over weights, state and optimiser.
train() {
    (start "$@") || cat "$dir/$2.err" >&2
    tail -n 1 "$dir/$2/log.jsonl" 2>/dev/null | sed -n 's/.*"sha256":"\([0-9a-f]*\)".*/\1/p'
}

# Killed (not asked to stop) as soon as there is a checkpoint of step 10; then it goes on.
train_killed() {
    (start "$1" killed -t 2) &
    pid=$!
    tries=0
    while [ ! -f "$dir/killed/ckpt/LATEST" ] && kill -0 $pid 2>/dev/null && [ $tries -lt 6000 ]; do
        sleep 0.01
        tries=$((tries + 1))
    done
    kill -9 $pid 2>/dev/null
    wait $pid 2>/dev/null
    train "$1" killed -t 1 --resume
}

for model in ${*:-phiseg hpu_net prob_unet unet swin_unet vae_unet vae_unet_conv}; do
    want=$(train "$model" first -t 1)
    [ -n "$want" ] || { echo "$model: no run"; bad=1; rm -rf "$dir"/first*; continue; }
    for variant in "-t 2" "-t 3" "-t 7" "-t 2 --isa avx2" "killed" "two halves"; do
        case $variant in
        killed) got=$(train_killed "$model") ;;
        "two halves") train "$model" other -t 3 --stop-after 10 >/dev/null; got=$(train "$model" other -t 1 --resume) ;;
        *) got=$(train "$model" other $variant) ;;
        esac
        [ "$got" = "$want" ] || { echo "$model: $variant: ${got:-no run}, one thread: $want"; bad=1; }
        rm -rf "$dir/other" "$dir/killed"
    done
    echo "$model $want"
    rm -rf "$dir"/*
done
exit $bad
