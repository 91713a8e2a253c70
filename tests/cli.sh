#!/bin/sh
# cli.sh - what a person at a terminal meets: exit status and message of every kind of mistake, and that results go to stdout alone.
adze=${abs_top_builddir:-.}/cli/adze
dir=${TMPDIR:-/tmp}/adze-cli-test.$$
mkdir -p "$dir" || exit 99
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 99
unset NO_COLOR CLICOLOR_FORCE ADZE_ISA ADZE_THREADS
bad=0 seen=0

fail() {
    echo "FAIL: $*"
    sed 's/^/    stdout: /' out
    sed 's/^/    stderr: /' err
    bad=$((bad + 1))
}

# run ARGUMENTS...: keeps stdout, stderr and the status.
run() {
    seen=$((seen + 1))
    "$adze" "$@" >out 2>err </dev/null
    status=$?
}

# refused STATUS MESSAGE ARGUMENTS...: nothing on stdout, one message on stderr.
refused() {
    want=$1 message=$2
    shift 2
    run "$@"
    [ $status = "$want" ] || fail "adze $*: status $status, want $want"
    grep -qF -- "$message" err || fail "adze $*: the message lacks: $message"
    [ -s out ] && fail "adze $*: a refusal must not write to stdout"
    return 0
}

# shows TEXT ARGUMENTS...: status 0, the text on stdout, nothing on stderr.
shows() {
    text=$1
    shift
    run "$@"
    [ $status = 0 ] || fail "adze $*: status $status, want 0"
    grep -qF -- "$text" out || fail "adze $*: stdout lacks: $text"
    [ -s err ] && fail "adze $*: stderr must be empty"
    return 0
}

# ---- help and version ----
shows 'usage: adze COMMAND'
shows 'usage: adze COMMAND' help
shows 'usage: adze train zoo:NAME' help train
shows 'usage: adze train zoo:NAME' train --help
shows 'usage: adze train zoo:NAME' -h train
shows 'adze 0.' --version
shows 'licence    MIT' --version
shows 'stopped by a signal with nothing saved' help status
shows 'synthetic' help data
shows 'cosine' help optim
shows 'ged2' help metrics
shows 'he_normal' help init
shows 'adze help TOPIC' help
shows 'train.steps' help config
shows 'stride' help ops conv
shows 'convolution' help ops
for command in train sample evaluate compare inspect gradcheck trace profile replay zoo help; do
    shows "  $command " help
    shows "usage: adze $command" help $command
    shows '--threads N' help $command
done
lines=$("$adze" | wc -l)
[ "$lines" -le 24 ] || fail "the overview has $lines lines; it should fit a screen"

# ---- the command line ----
refused 2 "unknown command 'trian'; did you mean 'train'?" trian
refused 2 "unknown command 'xyzzy'; 'adze help' lists" xyzzy
refused 2 "train has no option '--resum'; did you mean '--resume'?" train zoo:phiseg --resum
refused 2 "train has no option '--assert'" train zoo:phiseg --assert x
refused 2 "zoo has no option '-n'" zoo -n 3
refused 2 "adze has no option '--bogus'" --bogus
refused 2 "--output needs a value: PATH" train zoo:phiseg -o
refused 2 "--output needs a value: PATH" train zoo:phiseg --output=
refused 2 "--resume takes no value" train zoo:phiseg --resume=yes
refused 2 "--threads: 'many' is not an integer from 1 to 1024" zoo --threads many
refused 2 "--threads: '0' is not an integer from 1 to 1024" zoo -t0
refused 2 "--threads: '99999999999999999999' is not an integer" zoo --threads=99999999999999999999
refused 2 "--isa: 'sse' is not one of base|avx2|avx512" zoo --isa sse
refused 2 "--color: 'maybe' is not one of auto|always|never" zoo --color maybe
refused 2 "--progress: 'ba' is not one of auto|bar|log|none" zoo --progress ba
refused 2 "train needs more arguments; usage: adze train" train
refused 2 "train: unexpected argument 'b'" train zoo:phiseg b -o run
refused 2 "zoo: unexpected 'shwo'" zoo shwo
refused 2 "no help on 'trian'; did you mean 'train'?" help trian
refused 2 "no op is called 'convv'; did you mean 'conv'?" help ops convv
refused 2 "no configuration key begins with 'trian'" help config trian
refused 2 "gradcheck needs one of --all, op NAME, MODEL" gradcheck
refused 2 "ops take --order and --json only" gradcheck --all --weights 3
refused 2 "order" gradcheck --all --order 3
refused 2 "no op is called 'convv'; did you mean 'conv'?" gradcheck op convv
refused 2 "the gradient ends at op 'sign' by definition" gradcheck op sign
ADZE_ISA=sse refused 2 "ADZE_ISA" zoo
ADZE_THREADS=none refused 2 "ADZE_THREADS" zoo

# ---- models ----
shows 'zoo:phiseg' zoo
shows '"name": "phiseg"' zoo list --json
shows 'model: phiseg' zoo show phiseg
shows 'model: phiseg' zoo show zoo:phiseg
refused 2 "no model zoo:phisge; did you mean 'zoo:phiseg'?" zoo show phisge
refused 2 "--json is for zoo list" zoo show phiseg --json
refused 5 "no models in" zoo --zoo "$dir"
shows '17,819,186' inspect zoo:phiseg
shows '8,786,314' inspect zoo:phiseg --set L=1
shows '"trainable": 17819186' inspect zoo:phiseg --json
shows 'conv' inspect zoo:phiseg --profile tiny --expand
shows 'conv' inspect zoo:phiseg --profile tiny --tape --program sample
run inspect zoo:phiseg --profile tiny --tape --batch 2
row=$(grep -E '^ +5 +relu ' out)
echo "$row" | grep -qE '^ +5 +relu +- +\[2,64,64,8\] +256 KiB +- +4 +4\.\.5 \+[0-9]+ +[0-9]+ +[0-9]+:[0-9]+ +posterior/h\[0,1\]/cbr/relu +#4$' ||
    fail "inspect --tape: record 5 is not as it should be: $row"
grep -qE ' conv_by_weight +2 +\[3,3,3,8\] +864 B +1\.77 M ' out || fail "inspect --tape lacks the gradient of the first convolution"
grep -qE 'in chain' out && grep -qE 'is record [0-9]+ ' out || fail "inspect --tape lacks what chains and sharing made of records"
shows '"op":"conv","inputs":"#1 posterior/h[0,1]/cbr/conv.w' inspect zoo:phiseg --profile tiny --tape --json
shows 'memory' inspect zoo:phiseg --profile tiny --memory --batch 2 --svg memory.svg
grep -q '^<svg ' memory.svg && grep -q '</svg>' memory.svg && grep -q '>backward</text>' memory.svg &&
    grep -q 'peak [0-9.]* MiB at step [0-9]*' memory.svg && grep -q '>line [0-9]*: posterior/h\[0,1\]/cbr/conv</text>' memory.svg ||
    fail "the picture of the memory lacks its phases, peak or labels"
small='--profile tiny --set data.set=synthetic --set train.batch=1 --set data.options=train=8,val=2,test=2'
# shellcheck disable=SC2086
{
shows 'limits: ' profile zoo:phiseg $small --repeat 1
grep -qE '^conv +[0-9]+ +[0-9.]+ +[0-9.]+ % +0 % +[0-9.]+ +[0-9]+ % ' out && grep -qE '^phiseg.yaml:43 +[0-9]+ ' out && grep -q '^(no line) .*weights$' out ||
    fail "adze profile lacks an op, a line or the weights"
shows '"of_peak": ' profile zoo:phiseg $small --repeat 1 --json --svg profile.svg
grep -q '^<svg ' profile.svg && grep -q '>phiseg: a training step of 1 items, ' profile.svg && grep -q '>conv_by_weight</text>' profile.svg &&
    grep -q '>phiseg.yaml:43<tspan .*>posterior/h\[0,1\]/cbr/conv</tspan>' profile.svg || fail "the picture of the profile lacks its title, an op or a line"
refused 5 "none/x.svg" profile zoo:phiseg $small --repeat 1 --svg none/x.svg
shows 'back over ' trace zoo:phiseg $small --only kl_normal
shows 'back over 30  channel_affine  posterior/h[2,1]/cbr/batch_norm' trace zoo:phiseg $small --from 30 --to 29
grep -qE '^  in   out      posterior/h\[2,1\]/cbr/batch_norm #30 \[1,16,16,32\]: between -?[0-9.e-]+ and [0-9.e-]+, mean ' out &&
    grep -qE '^  to   shift    posterior/h\[2,1\]/cbr/batch_norm.shift \[32\]: between ' out && [ "$(grep -c '^back' out)" = 2 ] ||
    fail "adze trace does not show the adjoints of records 30 and 29"
shows '"op": "channel_affine"' trace zoo:phiseg $small --from 30 --to 29 --json
tr -d ' \n' <out >flat
grep -qE '^\{"run":"phiseg[^"]*","records":\[\{"record":30,"op":"channel_affine","path":"posterior/h\[2,1\]/cbr/batch_norm","file":"[^"]*","line":[0-9]+,"column":[0-9]+,"appends_first":[0-9]+,' flat &&
    grep -qE '"in":\[\{"operand":"out","of":"posterior/h\[2,1\]/cbr/batch_norm","record":30,"shape":\[1,16,16,32\],"adjoint":true,"added":false,"least":-?[0-9.e-]+,"largest":[0-9.e-]+,"mean":[^,]+,"not_finite":0,"first":\[([^],]+,){3}[^],]+\]\}\],"to":' flat &&
    grep -qE '"operand":"shift","of":"posterior/h\[2,1\]/cbr/batch_norm.shift","shape":\[32\]' flat && [ "$(grep -o '"appends_first"' flat | wc -l)" = 2 ] ||
    fail "adze trace --json does not hold what the text shows of records 30 and 29"
refused 2 '--step shows record by record and --json one document' trace zoo:phiseg $small --step --json
refused 2 'the walk meets no such record' trace zoo:phiseg $small --only nothing_is_called_so --json
printf '\nq\n' | "$adze" trace zoo:phiseg $small --step >out 2>err
[ "$(grep -c '^back' out)" = 2 ] || fail "adze trace --step does not wait for lines"
refused 2 'the walk meets no such record; adze inspect zoo:phiseg --tape' trace zoo:phiseg $small --only nothing_is_called_so
refused 2 "--repeat: '0' is not an integer" profile zoo:phiseg --repeat 0
}
refused 2 "--svg goes with --memory" inspect zoo:phiseg --svg x.svg
refused 2 "--json goes with the tables and with --tape" inspect zoo:phiseg --memory --json
refused 5 "none/x.svg" inspect zoo:phiseg --profile tiny --memory --svg none/x.svg
shows 'digraph' inspect zoo:phiseg --profile tiny --dot --program sample
shows 'memory' inspect zoo:phiseg --profile tiny --memory --batch 2
refused 2 "has no program 'smaple'; it has:" inspect zoo:phiseg --tape --program smaple
refused 2 "--program and --batch go with --tape, --dot or --memory" inspect zoo:phiseg --batch 3
refused 2 "--checkpoint chooses one of a run" inspect zoo:phiseg --checkpoint x
refused 2 "phisge" inspect zoo:phisge
refused 2 "LL" inspect zoo:phiseg --set LL=3
refused 2 "tinny" inspect zoo:phiseg --profile tinny
refused 5 "none.yaml: cannot be opened" inspect none.yaml
printf 'adze: 1\nmodel: m\nblocs: 3\n' >my.yaml
refused 2 "my.yaml:3:1: error: " inspect my.yaml

# ---- data files ----
printf 'PK' >short.npz
refused 3 "short.npz: byte 2: zip: the file ends" inspect short.npz
printf '\220\0\0\0\0\0\0\0{}' >short.safetensors
refused 4 "short.safetensors: byte 0: safetensors: the header reaches beyond the end" inspect short.safetensors
printf '\211PNG\r\n\032\n' >short.png
refused 3 "short.png: byte 8: png:" inspect short.png
printf '\220\2\0\0\0\0\0\0{' >x.safetensors
refused 2 "x.safetensors is a file of tensors; expand, tape" inspect x.safetensors --tape

# ---- training, scores ----
refused 2 "train needs a run directory: adze train zoo:phiseg -o RUN" train zoo:phiseg
refused 2 "--resume goes on with a run and --force removes it" train zoo:phiseg -o a --resume --force
refused 2 "sample needs a folder" sample a b
refused 2 "compare needs a folder for the runs" compare x.yaml
refused 2 "--samples: '1,x' is not a list" evaluate a --samples 1,x
refused 2 "--assert 'ged2' is not SCORE<=NUMBER" compare a --assert ged2
refused 2 "--assert 'gde2<=1': no score is called 'gde2'; did you mean 'ged2'?" compare a --assert 'gde2<=1'
shows 'would train' train zoo:phiseg --profile tiny -o a --dry-run
[ -e a ] && fail "--dry-run made a directory"

# ---- output that cannot be written ----
if [ -e /dev/full ]; then
    "$adze" help >/dev/full 2>err
    status=$?
    : >out
    [ $status = 5 ] || fail "adze help >/dev/full: status $status, want 5"
    grep -qF 'the output could not be written' err || fail "adze help >/dev/full: no message"
fi

# ---- colour ----
run --color always zoo shwo
grep -q "$(printf '\033')" err || fail "--color always: no colour"
run zoo shwo
grep -q "$(printf '\033')" err && fail "colour on something that is no terminal"

[ $seen -gt 80 ] || { echo "only $seen runs"; bad=1; }
[ $bad = 0 ] && echo "$seen runs as expected"
exit $bad
