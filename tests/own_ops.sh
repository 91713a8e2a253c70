#!/bin/sh
# own_ops.sh - ops in a shared object: the example's works in model files, and one that is broken in any of many ways is refused whole,
# with a message that says why.
adze=${abs_top_builddir:-build}/cli/adze
source=${srcdir:-.}/examples/snake.c
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
cc=${CC:-cc} bad=0 seen=0

# object NAME SED...: the example, changed, as a shared object.
object() {
    name=$1
    shift
    sed "$@" "$source" >"$dir/$name.c"
    [ "$name" = snake ] || ! cmp -s "$source" "$dir/$name.c" || { echo "$name: nothing was changed"; bad=1; }
    $cc -std=c11 -shared -fPIC -I"${abs_top_builddir:-build}/include" -I"$srcdir" -o "$dir/$name.so" "$dir/$name.c" -lm ||
        { echo "$name does not compile"; bad=1; }
}

# says STATUS TEXT ARGUMENTS...
says() {
    want=$1 text=$2
    shift 2
    seen=$((seen + 1))
    "$adze" "$@" >"$dir/out" 2>&1
    status=$?
    [ $status = "$want" ] && grep -qF -- "$text" "$dir/out" && return
    echo "adze $*: status $status, want $want and '$text':"
    head -n 20 "$dir/out"
    bad=1
}

# refused STATUS TEXT NAME SED...
refused() {
    want=$1 text=$2
    shift 2
    object "$@"
    says "$want" "$text" help --ops "$dir/$1.so" ops
    grep -q "^adze: error: ops of $dir/$1.so: " "$dir/out" || { echo "$1: the message does not name the file"; bad=1; }
}

object snake -e ''
model=$srcdir/examples/own_op.yaml
says 0 'trainable   682' inspect --ops "$dir/snake.so" "$model"
says 0 'periodic' gradcheck --ops "$dir/snake.so" --directions 4 --weights 10 "$model"
says 0 '0 of 3 samples failed' gradcheck --ops "$dir/snake.so" op snake --order 2
says 0 '0.001..1000' help --ops "$dir/snake.so" ops snake
sed 's/frequency=2/frequency=0/' "$model" >"$dir/range.yaml"
says 2 'snake: frequency=0 is out of range; need 0.001 to 1000' inspect --ops "$dir/snake.so" "$dir/range.yaml"
sed 's/frequency=2/frequence=2/' "$model" >"$dir/name.yaml"
says 2 "did you mean 'frequency'?" inspect --ops "$dir/snake.so" "$dir/name.yaml"
says 2 "unknown op or block 'snake'" inspect "$model"
says 2 "op 'snake' exists already" help --ops "$dir/snake.so" --ops "$dir/snake.so" ops
says 5 'nothing.so' help --ops "$dir/nothing.so" ops
says 5 'name.yaml' help --ops "$dir/name.yaml" ops

refused 1 "the gradient by input 0" gradient -e 's/g->in\[0\], 2 \* /g->in[0], 2.1 * /'
refused 1 "the gradient by input 0" forward -e 's/y = x + s \* s \/ a/y = x + 1.01 * s * s \/ a/'
refused 1 "three threads" threads -e 's/s \* s \/ a;/s * s \/ a + (c->threads == 3 ? 1e-3 : 0);/'
refused 1 "flat blocks give other numbers than the whole" block -e 's/s \* s \/ a;/s * s \/ a + 1e-3 * (double)k;/'
refused 1 "depends on what was in its memory" memory -e 's/for (int64_t k = from; k < to; k++) {/for (int64_t k = from + (c->precision == AD_F32 \&\& n == 15); k < to; k++) {/'
refused 1 "writes to its input 0" input -e 's/^        else \(.*\)$/        else { \1 ((float *)c->in[0].data)[k] = 0; }/'
refused 1 'status "ok", want "bad attribute"' refusal -e 's/frequency=0", .want/frequency=2", .want/'
refused 1 "refuses nothing" anything -e '/refuses to stand still/d'
refused 1 "no sample" sample -e 's/, .samples = samples//' -e '/^static const ad_sample/,/^};/d'
refused 1 "needs shape, forward and gradient" rule -e 's/.gradient = gradient, //' -e '/^static void gradient/,/^}/d'
refused 1 "lacks a range" range -e 's/AD_ATTR_FLOAT, offsetof(attr, frequency), 1, 1e-3, 1e3/AD_ATTR_INT, offsetof(attr, frequency), 1, 0, 0/'
refused 1 "lacks name, doc line or operands" doc -e 's/.doc = "x + [^,]*, //'
refused 2 "op 'relu' exists already" taken -e 's/.name = "snake"/.name = "relu"/'
refused 2 "does not export ad_module_of_ops" symbol -e 's/^AD_MODULE(ops);/const ad_op *const *other(void); const ad_op *const *other(void) { return ops; }/'
refused 2 "it brings no op" empty -e 's/{ &snake, NULL }/{ NULL, \&snake }/'
refused 2 "made for version 99" version -e 's/^#include <math.h>/&\n#undef AD_MODULE_ABI\n#define AD_MODULE_ABI 99/'
refused 2 "its ad_op has" size -e 's/^AD_MODULE(ops);/#define ad_op struct { ad_op op; int more; }\n&/'

# One of two ops is wrong: the other is not there either.
object two -e 's/{ &snake, NULL }/{ \&snake, \&other, NULL }/' -e 's/^static const ad_op \*const ops/static const ad_op other = { .name = "other" };\n&/'
says 1 "op 'other' lacks" inspect --ops "$dir/two.so" "$model"

[ $seen -gt 25 ] || { echo "only $seen cases"; bad=1; }
exit $bad
