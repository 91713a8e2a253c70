#!/bin/sh
# runs.sh - from training to a table, through the program; and every kind of bad input: one clear error, its exit status, no partial file.
top=${abs_top_builddir:-$PWD/build}
adze=$top/cli/adze
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
ADZE_ZOO=${ADZE_ZOO:-$(cd "${srcdir:-.}" && pwd)/models/zoo}
OMP_WAIT_POLICY=passive
export ADZE_ZOO OMP_WAIT_POLICY
cd "$dir" || exit 99
bad=0 seen=0
small='--profile tiny --set train.batch=2 --set data.set=lidc'

fail() {
    echo "FAIL: $*"
    sed 's/^/    stdout: /' out | head -n 20
    sed 's/^/    stderr: /' err | head -n 20
    bad=$((bad + 1))
}

# want STATUS WORDS ARGUMENTS...: the status; the words on stdout (status 0) or on stderr; no temporary left anywhere.
want() {
    status=$1 words=$2
    shift 2
    seen=$((seen + 1))
    "$adze" "$@" >out 2>err </dev/null
    got=$?
    [ $got = "$status" ] || fail "adze $*: status $got, want $status"
    [ "$status" = 0 ] && from=out || from=err
    grep -qF -- "$words" $from || fail "adze $*: no '$words'"
    left=$(find . -name '*.tmp')
    [ -z "$left" ] || fail "adze $*: left $left"
}

# train ARGUMENTS...: as `want`, for a small run.
train() {
    status=$1 words=$2 run=$3
    shift 3
    # shellcheck disable=SC2086
    want "$status" "$words" train zoo:phiseg -o "$run" $small "$@"
}

hash_of() {
    sed -n 's/^sha256  \([0-9a-f]*\).*/\1/p' out
}

mkdir good label shape cut && "$top/tests/make_crops" good && "$top/tests/make_crops" label label && "$top/tests/make_crops" shape shape || exit 99
cp good/* cut/ && head -c 1500 good/lidc_train.npz >cut/lidc_train.npz

# ---- a run ----
train 0 'done    4 steps' a --set data.folder=good --set train.steps=4 -t 1
whole=$(hash_of)
for file in config.yaml config.resolved.yaml manifest.json metrics.csv log.jsonl ckpt/LATEST ckpt/step-000000004.safetensors; do
    [ -s "a/$file" ] || fail "a/$file is missing"
done
digest_of() {
    sed -n 's/.*"sha256": "\([0-9a-f]\{64\}\)".*/\1/p' "$1/manifest.json"
}
grep -q '"program": "adze .*git' a/manifest.json && grep -q '"libraries": "OpenMP' a/manifest.json || fail "the manifest does not say what ran"
[ -n "$(digest_of a)" ] || fail "the manifest has no digest of the data"
train 2 'holds a run already' a --set data.folder=good --set train.steps=4
train 0 'part    2 steps' b --set data.folder=good --set train.steps=4 --stop-after 2 -t 2
train 0 'done    4 steps' b --set data.folder=good --set train.steps=4 --resume -t 2
[ "$whole" = "$(hash_of)" ] && [ -n "$whole" ] || fail "2 steps and 2 steps on two threads are not 4 steps on one: $whole"
[ "$(digest_of a)" = "$(digest_of b)" ] || fail "the same data have two digests"
train 0 'done    4 steps' b --set data.folder=good --set train.steps=4 --set seed=2 --force
[ "$whole" != "$(hash_of)" ] || fail "another seed gave the same weights"
want 0 '"steps": 4' train zoo:phiseg -o c --profile tiny --set train.batch=2 --set data.set=lidc --set data.folder=good --set train.steps=4 --json

# ---- what comes of it ----
want 0 'sheet.png' sample a test:0 test:3 -n 2 -o pictures
for file in sheet mean uncertainty sample-00 sample-01; do
    [ "$(find pictures -name "*-$file.png" | wc -l)" = 2 ] || fail "not two pictures *-$file.png"
done
png=$(find pictures -name '*-mean.png' | head -n 1)
want 0 'sheet.png' sample a "$png" -n 1 -o pictures2
want 0 'ged2' evaluate a --samples 2,3 -q
want 0 '"samples": 3' evaluate a --samples 3 --json --save scores.json
[ -s scores.json ] || fail "evaluate --save wrote nothing"
want 0 'step 4' inspect a
want 0 'checksums hold' inspect a/ckpt/step-000000004.safetensors
want 0 '"b","zoo:phiseg",2,' compare a b --format csv
want 1 "--assert 'ged2<=-1' does not hold: " compare a b --assert 'ged2<=-1'
want 0 'GED' compare a --assert 'ged2<=100' --assert 'dice>=0'
cat >two.yaml <<'END'
adze: 1
experiment: two
data: {set: lidc, folder: good}
train: {steps: 2, batch: 2}
evaluate: {samples: 2}
models:
  - {use: "zoo:phiseg", profile: tiny, sweep: {L: [1, 2]}}
END
want 0 'phiseg-L=2' inspect two.yaml
want 0 'phiseg-L=2' compare two.yaml -o two --dry-run
[ -e two ] && fail "--dry-run made a folder"
want 0 'phiseg-L=2' compare two.yaml -o two
for file in compare.txt compare.csv compare.json compare.md; do
    [ -s "two/$file" ] || fail "two/$file is missing"
done
want 2 'holds a run already' compare two.yaml -o two
want 0 '| phiseg-L=1' compare two.yaml -o two --resume --format md
want 2 "--run nono: no such run; the experiment has: phiseg-L=1, phiseg-L=2" train two.yaml -o d --run nono
want 2 "choose one with --run" train two.yaml -o d

# ---- bad input: data ----
train 5 'none/lidc_train.npz: cannot be opened' d --set data.folder=none
train 3 'cut/lidc_train.npz: byte ' d --set data.folder=cut
train 3 "label/lidc_test.npz: member 'masks' has the value 7 at [1,2,3,4]" d --set data.folder=label
train 3 "shape/lidc_test.npz: member 'masks' is U8 [4,4,128,32]" d --set data.folder=shape
train 2 'no such key' d --set data.fodler=good
train 2 "Did you mean 'train.lr'?" d --set train.lrr=1

# ---- bad input: models and experiments ----
sed 's/^nets:/nets:\n  idle: ladder/' "$ADZE_ZOO/phiseg.yaml" >idle.yaml
want 2 'idle.yaml' train idle.yaml -o d --set data.set=lidc --set data.folder=good
grep -q 'idle.yaml:[0-9]*:[0-9]*: error:' err || fail "an unused net has no place"
sed 's/^train:/trian:/' two.yaml >wrong.yaml
want 2 "wrong.yaml:4:1: error: unknown key 'trian'" compare wrong.yaml -o d
[ -e d ] && fail "a refused run left its folder"

# ---- bad input: checkpoints ----
want 2 'is not a run' evaluate good
want 2 'none: is not a run' evaluate none
cp -r a flipped
file=flipped/ckpt/step-000000004.safetensors
size=$(wc -c <$file)
printf 'x' | dd of=$file bs=1 seek=$((size - 100)) conv=notrunc 2>/dev/null
want 4 'is corrupt (CRC-32C ' inspect $file
want 4 'step-000000004.safetensors' evaluate flipped
head -c 5000 a/ckpt/step-000000004.safetensors >$file
want 4 'is the file truncated' inspect $file
want 4 'step-000000004.safetensors' evaluate a --checkpoint $file

# ---- a loss that is not finite, and a signal ----
train 6 'value became infinite' inf --set data.folder=good --set train.steps=20 --set train.lr=1e6
grep -q 'phiseg.yaml:[0-9]*:[0-9]*' err && grep -q 'items  *lidc_' err || fail "the message names neither model line nor items"
grep -qF 'saved     adze replay inf/nan-' err || fail "the message does not say where the step was saved"
grep -qE '^  input     [a-z]+: .*: (between|[0-9]+ of|none of)' err || fail "the message does not say what the value was made from"
nan=$(echo inf/nan-*)
for threads in 1 3; do
    want 0 'same as when it was saved, in every bit: sha256' replay "$nan" -t $threads
    grep -q 'value became infinite' out || fail "adze replay does not show the report"
done
want 0 '"same": true' replay "$nan" --json
want 0 'checksums hold' inspect "$nan/inputs.safetensors"
sed 's/"sha256": "[0-9a-f]*"/"sha256": "0"/' "$nan/failure.json" >failure && mv failure "$nan/failure.json"
want 1 'the step does not fail as it did' replay "$nan"
head -c 3000 "$nan/inputs.safetensors" >inputs && mv inputs "$nan/inputs.safetensors"
want 4 'inputs.safetensors' replay "$nan"
want 2 'is not a step that failed' replay a
train 0 'done    2 steps' inf --set data.folder=good --set train.steps=2 --force
[ -e "$nan" ] && fail "--force left $nan"
# shellcheck disable=SC2086
"$adze" train zoo:phiseg -o stopped $small --set data.folder=good --set train.steps=100000 >out 2>stopped.err </dev/null &
pid=$!
tries=0
while ! grep -q ' step=' stopped.err 2>/dev/null && kill -0 $pid 2>/dev/null && [ $tries -lt 3000 ]; do
    sleep 0.02
    tries=$((tries + 1))
done
kill -TERM $pid
wait $pid
got=$?
[ $got = 0 ] && grep -q '^part ' out && grep -q -- '--resume' out || fail "stopped by SIGTERM: status $got, want 0, and how to go on"
want 0 'checksums hold' inspect "$(find stopped/ckpt -name '*.safetensors')"

# ---- the disk is full while a checkpoint is saved ----
cp -r a full
limit=$(($(wc -c <a/ckpt/step-000000004.safetensors) / 1024))
(
    ulimit -f $limit
    # shellcheck disable=SC2086
    "$adze" train zoo:phiseg -o full $small --set data.folder=good --set train.steps=8 --set train.save_every=1 --resume >out 2>err
    echo $? >status
)
[ "$(cat status)" = 5 ] || fail "a full disk: status $(cat status), want 5"
grep -q 'the file size limit is reached' err || fail "a full disk: the error does not say so"
[ -z "$(find full -name '*.tmp')" ] || fail "a full disk: a temporary was left"
want 0 'checksums hold' inspect full/ckpt/step-000000004.safetensors

[ $bad = 0 ] && echo "$seen runs as expected"
exit $bad
