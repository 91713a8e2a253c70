#!/bin/sh
# run_ops.sh - a run remembers the shared objects of ops that it was trained with: they are loaded, with a word, where it is opened; what is
# missing, has changed or may come from somebody else is refused.
adze=${abs_top_builddir:-build}/cli/adze
source=${srcdir:-.}/examples/snake.c
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
dir=$(realpath "$dir")
cc=${CC:-cc} bad=0 seen=0

# object NAME SED: the example, changed, as a shared object.
object() {
    sed -e "$2" "$source" >"$dir/$1.c"
    $cc -std=c11 -shared -fPIC -I"${abs_top_builddir:-build}/include" -I"$srcdir" -o "$dir/$1.so" "$dir/$1.c" -lm || exit 1
}

# says STATUS OUT ERR ARGUMENTS...: the status, and texts that stdout and stderr hold ("": stderr is empty).
says() {
    want=$1 out=$2 err=$3
    shift 3
    seen=$((seen + 1))
    "$adze" "$@" >"$dir/out" 2>"$dir/err"
    status=$?
    [ $status = "$want" ] && { [ -z "$out" ] || grep -qF -- "$out" "$dir/out"; } && {
        if [ "$err" ]; then grep -qF -- "$err" "$dir/err"; else [ ! -s "$dir/err" ]; fi
    } && return
    echo "adze $*: status $status, want $want, '$out' and '$err':"
    head -n 20 "$dir/out" "$dir/err"
    bad=1
}

# refused STATUS TEXT: nothing of the run is loaded, by whatever command.
refused() {
    says "$1" '' "$run was trained with ops of " inspect "$run" -q
    grep -qF -- "$2" "$dir/err" && grep -qF 'give --ops FILE.so' "$dir/err" || { echo "the refusal lacks '$2':"; cat "$dir/err"; bad=1; }
    grep -q loading "$dir/err" && { echo "$2: said to be loaded"; bad=1; }
    [ -e "$dir/code-ran" ] && { echo "$2: code ran"; bad=1; rm "$dir/code-ran"; }
    return 0
}

object snake ''
# It tells when it is loaded, before any check.
object spy "\$a #include <stdio.h>\n__attribute__((constructor)) static void spy(void) { FILE *f = fopen(\"$dir/code-ran\", \"w\"); if (f) fclose(f); }"
model=$dir/own_op.yaml
cat >"$model" <<'END'
adze: 1
model: periodic
inputs: {x: {shape: [B, 16, 16, 1]}, y: {shape: [B, 16, 16, 2], role: target, kind: onehot}}
blocks:
  whole(x): ["z = x | conv(out=8, kernel=3) | snake(frequency=2) | conv(out=2, kernel=1)", {return: {z: z}}]
nets: {unet: whole}
programs:
  train: ["p = unet(x)", {return: {z: p.z}}]
  predict: ["p = unet(x)", {return: {logits: p.z}}]
objective: {kind: expression, program: train, minimize: 'cross_entropy(z, y, over="HW", batch="mean")'}
END
set='-q --set train.batch=2 --set train.steps=4 --set data.options=train=8,val=2,test=2 --set evaluate.samples=1'
run=$dir/run
# shellcheck disable=SC2086
{
cd "$dir" || exit 99   # the path on the command line is relative
says 0 'part' '' train $set --ops snake.so "$model" -o "$run" --stop-after 2
sum=$(sha256sum snake.so | cut -d' ' -f1)
grep -A3 '"ops": \[' "$run/manifest.json" | grep -qF "\"path\": \"$dir/snake.so\"" && grep -qF "\"sha256\": \"$sum\"" "$run/manifest.json" ||
    { echo "the manifest does not name the object"; cat "$run/manifest.json"; bad=1; }
cd / || exit 99
word="loading the ops it was trained with from $dir/snake.so (sha256 $sum)"
says 0 'part' "$word" train ${set#-q} "$model" -o "$run" --resume --stop-after 3
grep -qF "$dir/snake.so" "$run/manifest.json" || { echo "the resumed run has forgotten its ops"; bad=1; }
says 0 'done' '' train $set "$model" -o "$run" --resume
says 0 'trainable' "$word" inspect "$run"
says 0 'trainable' '' inspect -q "$run"
says 0 'back over' "$word" trace "$run" --only snake
says 0 'limits' "$word" profile "$run" --repeat 1
says 0 'sheet.png' "$word" sample "$run" test:0 -o "$dir/pictures"
says 0 'dice' "$word" evaluate "$run"
says 0 'dice' "$word" evaluate "$run"/ckpt/*4.safetensors
says 0 'run' "$word" compare "$run" "$run"
[ "$(grep -c loading "$dir/err")" = 1 ] || { echo "two runs of one object: $(cat "$dir/err")"; bad=1; }
says 6 '' 'saved     adze replay' train $set --ops "$dir/snake.so" "$model" -o "$dir/inf" --set train.lr=1e6 --set train.optim=sgd
says 0 'same as when it was saved' "loading the ops it was trained with from $dir/snake.so" replay "$dir"/inf/nan-*

cp "$dir/spy.so" "$dir/inf/snake.so"
sed "s|$dir/snake.so|$dir/inf/snake.so|; s/$sum/$(sha256sum "$dir/spy.so" | cut -d' ' -f1)/" "$dir"/inf/nan-*/manifest.json >"$dir/manifest"
cat "$dir/manifest" >"$(echo "$dir"/inf/nan-*)/manifest.json"
says 2 '' 'but a run cannot bring code in its own folder' replay "$dir"/inf/nan-*
[ -e "$dir/code-ran" ] && { echo "a failed step brought code"; bad=1; }

# --ops stands in for what the run names, wherever that is.
object other '$a extern const char other[];\nconst char other[] = "";'
cp "$dir/snake.so" "$dir/moved.so"
says 0 'trainable' '' inspect "$run" --ops "$dir/moved.so"
says 0 'trainable' "$run was trained with other ops than --ops gives: $dir/snake.so (sha256 $sum)" inspect "$run" --ops "$dir/other.so"

mv "$dir/snake.so" "$dir/kept.so"
refused 5 "(sha256 $sum), but that file cannot be read: No such file"
cp "$dir/spy.so" "$dir/snake.so"
refused 2 "(sha256 $sum), but that file is another one now (sha256 $(sha256sum "$dir/spy.so" | cut -d' ' -f1))"
says 2 '' 'but that file is another one now' train $set "$model" -o "$run" --resume

# What may come from somebody else.
sed "s/$sum/$(sha256sum "$dir/spy.so" | cut -d' ' -f1)/" "$run/manifest.json" >"$dir/manifest" && cat "$dir/manifest" >"$run/manifest.json"
chmod o+w "$dir/snake.so"
refused 2 'but that file may be written by everybody, so nothing is loaded'
chmod o-w "$dir/snake.so" && chmod o+w "$run/manifest.json"
refused 2 'but its manifest.json may be written by everybody, so nothing is loaded'
chmod o-w "$run/manifest.json"
if [ "$(id -u)" = 0 ]; then
    chown 4321 "$run/manifest.json"
    refused 2 'but its manifest.json belongs to another user, so nothing is loaded'
    chown 0 "$run/manifest.json" && chown 4321 "$dir/snake.so"
    refused 2 'but that file belongs to another user, so nothing is loaded'
    chown 0 "$dir/snake.so"
fi
cp "$dir/spy.so" "$run/snake.so"
sed "s|$dir/snake.so|$run/snake.so|" "$dir/manifest" >"$run/manifest.json"
refused 2 'but a run cannot bring code in its own folder, so nothing is loaded'
ln -s "$run/snake.so" "$dir/link.so"
sed "s|$dir/snake.so|$dir/link.so|" "$dir/manifest" >"$run/manifest.json"
refused 2 'but a run cannot bring code in its own folder, so nothing is loaded'
sed "s|$dir/snake.so|snake.so|" "$dir/manifest" >"$run/manifest.json"
refused 2 'but the path is not absolute, so nothing is loaded'
sed 's/"path"/"file"/' "$dir/manifest" >"$run/manifest.json"
says 3 '' "an entry of 'ops' has a 'path' and a 'sha256'" inspect "$run"
# The spy works: where nothing is against it, it is loaded.
cat "$dir/manifest" >"$run/manifest.json"
says 0 'trainable' 'loading' inspect "$run"
[ -e "$dir/code-ran" ] || { echo "the spy does not spy"; bad=1; }
}
[ $seen -gt 25 ] || { echo "only $seen cases"; bad=1; }
[ $bad = 0 ] && echo "$seen cases as expected"
exit $bad
