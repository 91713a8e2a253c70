/*
 * op_rows.c - what foreign kinds of op are in ours, a row each. Kinds without a row wait for their op.
 */
#include <stddef.h>

#include "tests/goldens/op_rows.h"

/* The bias of a table that counts its rows is the index into it. */
#define SWIN_INDEX                                                                                                         \
    "n = fill( | shape=[{4 * $effective_window * $effective_window - 4 * $effective_window + 1}, 1], value=1); "           \
    "relative_position_index = relative_position_bias(shift(cumsum(n | axis=0) | amount=-1) | window=$effective_window, heads=1)"

/* Offsets are given in pixels of each level, whose sizes the reference takes in the order 0, 2, 1. */
#define DEFORM_OPERANDS                                                                                                    \
    "q:- v:- reference_points:- spatial_shapes:- sampling_offsets.weight:l sampling_offsets.bias:- attention_weights.weight:l "   \
    "attention_weights.bias:- value_proj.weight:l value_proj.bias:- output_proj.weight:l output_proj.bias:-"
#define DEFORM(sizes)                                                                                                      \
    "n = reshape(concat(slice(spatial_shapes | axis=1, start=0, count=1), slice(spatial_shapes | axis=1, start=2, count=1), "     \
    "slice(spatial_shapes | axis=1, start=1, count=1) | axis=1) | shape=[1, 1, 1, $levels, 1, 3]); "                              \
    "o = reshape(linear(q, sampling_offsets.weight, sampling_offsets.bias) | shape=[{q.0}, {q.1}, $heads, $levels, $points, 3]); " \
    "r = reshape(reference_points | shape=[{q.0}, {q.1}, 1, $levels, 1, 3]); "                                                    \
    "a = reshape(linear(q, attention_weights.weight, attention_weights.bias) | shape=[{q.0}, {q.1}, $heads, {$levels * $points}]); " \
    "w = reshape(softmax(a) | shape=[{q.0}, {q.1}, $heads, $levels, $points]); "                                                  \
    "y = linear(deformable_attention(linear(v, value_proj.weight, value_proj.bias), add(r, div(o, n)), w | "                     \
    "sizes=\"" sizes "\"), output_proj.weight, output_proj.bias)"

const op_row op_rows[] = {
    /* elementwise, one operand */
    { "unary_abs", "", "x:-", "y = abs(x)", "y:-" },
    { "unary_atan", "", "x:-", "y = atan(x)", "y:-" },
    { "unary_cos", "", "x:-", "y = cos(x)", "y:-" },
    { "unary_erf", "", "x:-", "y = erf(x)", "y:-" },
    { "unary_exp", "", "x:-", "y = exp(x)", "y:-" },
    { "unary_expm1", "", "x:-", "y = expm1(x)", "y:-" },
    { "unary_floor", "", "x:-", "y = floor(x)", "y:-" },
    { "unary_log", "", "x:-", "y = log(x)", "y:-" },
    { "unary_log1p", "", "x:-", "y = log1p(x)", "y:-" },
    { "unary_neg", "", "x:-", "y = neg(x)", "y:-" },
    { "unary_reciprocal", "", "x:-", "y = reciprocal(x)", "y:-" },
    { "unary_relu", "", "x:-", "y = relu(x)", "y:-" },
    { "unary_rsqrt", "", "x:-", "y = rsqrt(x)", "y:-" },
    { "unary_sigmoid", "", "x:-", "y = sigmoid(x)", "y:-" },
    { "unary_sign", "", "x:-", "y = sign(x)", "y:-" },
    { "unary_silu", "", "x:-", "y = silu(x)", "y:-" },
    { "unary_sin", "", "x:-", "y = sin(x)", "y:-" },
    /* The reference takes x itself above 20, and the slope 1. */
    { "unary_softplus", "", "x:-", "y = where(is_positive(shift(x | amount=-20)), x, softplus(x))", "y:-" },
    { "unary_sqrt", "", "x:-", "y = sqrt(x)", "y:-" },
    { "unary_square", "", "x:-", "y = square(x)", "y:-" },
    { "unary_tanh", "", "x:-", "y = tanh(x)", "y:-" },
    { "unary_ceil", "", "x:-", "y = neg(floor(neg(x)))", "y:-" },
    { "unary_round_half_even", "", "x:-", "y = round(x)", "y:-" },
    { "unary_gelu_erf", "", "x:-", "y = gelu(x)", "y:-" },
    { "unary_elu", "", "x:-", "y = elu(x | alpha=1)", "y:-" },
    { "unary_elu_a05", "", "x:-", "y = elu(x | alpha=0.5)", "y:-" },
    { "unary_celu_a2", "", "x:-", "y = scale(elu(scale(x | factor=0.5) | alpha=1) | factor=2)", "y:-" },
    { "unary_selu", "", "x:-", "y = scale(elu(x | alpha=1.6732632423543772) | factor=1.0507009873554805)", "y:-" },
    { "unary_leaky_relu_001", "", "x:-", "y = leaky_relu(x | slope=0.01)", "y:-" },
    { "unary_leaky_relu_02", "", "x:-", "y = leaky_relu(x | slope=0.2)", "y:-" },
    { "unary_clamp", "", "x:-", "y = clamp(x | lo=-0.75, hi=0.5)", "y:-" },
    { "unary_clamp_max", "", "x:-", "y = clamp(x | hi=0.1)", "y:-" },
    { "unary_clamp_min", "", "x:-", "y = clamp(x | lo=0.1)", "y:-" },
    { "unary_hardtanh", "", "x:-", "y = clamp(x | lo=-1, hi=1)", "y:-" },
    { "unary_relu6", "", "x:-", "y = sub(relu(x), relu(shift(x | amount=-6)))", "y:-" },
    { "unary_cosh", "", "x:-", "y = scale(add(exp(x), exp(neg(x))) | factor=0.5)", "y:-" },
    { "unary_sinh", "", "x:-", "y = scale(sub(exp(x), exp(neg(x))) | factor=0.5)", "y:-" },
    { "unary_log2", "", "x:-", "y = scale(log(x) | factor=1.4426950408889634)", "y:-" },
    { "unary_logit", "", "x:-", "p = scale(x | factor={1 / 11}); y = sub(log(p), log1p(neg(p)))", "y:-" },   /* of x / 11 */
    { "unary_logsigmoid", "", "x:-", "y = neg(softplus(neg(x)))", "y:-" },
    { "unary_mish", "", "x:-", "y = mul(x, tanh(softplus(x)))", "y:-" },
    { "unary_pow3", "", "x:-", "y = power(x | exponent=3)", "y:-" },
    { "unary_pow_17", "", "x:-", "y = power(x | exponent=1.7)", "y:-" },
    { "unary_pow_m05", "", "x:-", "y = power(x | exponent=-0.5)", "y:-" },
    { "unary_softplus_b2_t3", "", "x:-",
      "y = where(is_positive(shift(scale(x | factor=2) | amount=-3)), x, "
      "scale(softplus(scale(x | factor=2)) | factor=0.5))", "y:-" },
    { "unary_softsign", "", "x:-", "y = div(x, shift(abs(x) | amount=1))", "y:-" },
    /* The reference differentiates with 1/6 rounded to float. */
    { "unary_hardsigmoid", "", "x:-",
      "c = clamp(shift(x | amount=3) | lo=0, hi=6); "
      "y = straight_through(scale(c | factor={1 / 6}), scale(c | factor=0.1666666716337204))", "y:-" },
    { "unary_hardswish", "", "x:-",
      "y = mul(x, scale(clamp(shift(x | amount=3) | lo=0, hi=6) | factor=0.16666666666666667))", "y:-" },
    { "unary_gelu_tanh", "", "x:-",
      "y = scale(mul(x, shift(tanh(scale(add(x, "
      "scale(power(x | exponent=3) | factor=0.044715)) | factor=0.7978845608028654)) | amount=1)) | factor=0.5)", "y:-" },

    /* elementwise, several operands */
    { "binary_add", "", "a:- b:-", "y = add(a, b)", "y:-" },
    { "binary_sub", "", "a:- b:-", "y = sub(a, b)", "y:-" },
    { "binary_mul", "", "a:- b:-", "y = mul(a, b)", "y:-" },
    { "binary_div", "", "a:- b:-", "y = div(a, b)", "y:-" },
    { "binary_maximum", "", "a:- b:-", "y = maximum(a, b)", "y:-" },
    { "binary_minimum", "", "a:- b:-", "y = minimum(a, b)", "y:-" },
    { "binary_pow", "", "a:- b:-", "y = pow(shift(abs(a) | amount=0.1), b)", "y:-" },                 /* the base is |a| + 0.1 */
    { "binary_atan2", "", "a:- b:-", "y = atan2(a, b)", "y:-" },
    { "compare", "fn=gt", "a:- b:-", "y = greater(a, b)", "y:-" },
    { "compare", "fn=ge", "a:- b:-", "y = greater_equal(a, b)", "y:-" },
    { "compare", "fn=lt", "a:- b:-", "y = less(a, b)", "y:-" },
    { "compare", "fn=le", "a:- b:-", "y = less_equal(a, b)", "y:-" },
    { "compare", "fn=eq", "a:- b:-", "y = equal(a, b)", "y:-" },
    { "compare", "fn=ne", "a:- b:-", "y = sub(shift(scale(equal(a, b) | factor=0) | amount=1), equal(a, b))", "y:-" },
    { "where", "", "c:- a:- b:-", "y = where(c, a, b)", "y:-" },
    { "lerp", "", "a:- b:- w:-", "y = add(a, mul(w, sub(b, a)))", "y:-" },
    { "addcmul_sigma_eps", "", "mu:- logvar:- eps:-", "y = add(mu, mul(exp(scale(logvar | factor=0.5)), eps))", "y:-" },
    { "masked_fill", "", "x:- m:-", "y = where(m, shift(scale(x | factor=0) | amount=$value), x)", "y:-" },
    { "masked_dropout", "", "x:- m:-", "y = dropout(x, m | rate=$p)", "y:-" },
    { "masked_dropout_channel", "p=0.5", "x:- m:-", "y = scale(mul(x, m) | factor=2)", "y:-" },
    { "masked_drop_path", "", "x:- m:-", "y = drop_path(x, m | rate=$p)", "y:-" },
    { "prelu", "", "x:i w:-", "y = where(is_positive(x), x, mul(x, w))", "y:i" },
    { "glu", "", "x:i",
      "n = slice(x | axis=-1, start=0, count={x.1 / 2}); g = slice(x | axis=-1, start={x.1 / 2}, count={x.1 / 2}); "
      "y = mul(n, sigmoid(g))", "y:i" },

    /* reductions */
    { "reduce_sum", "", "x:-", "y = sum(x | axes=$axes, keep=$keepdim)", "y:-" },
    { "reduce_mean", "", "x:-", "y = mean(x | axes=$axes, keep=$keepdim)", "y:-" },
    { "reduce_amax", "", "x:-", "y = max(x | axes=$axes, keep=$keepdim)", "y:-" },
    { "reduce_amin", "", "x:-", "y = min(x | axes=$axes, keep=$keepdim)", "y:-" },
    { "reduce_logsumexp", "", "x:-", "y = logsumexp(x | axes=$axes, keep=$keepdim)", "y:-" },
    { "reduce_amax_ties", "", "x:-", "y = max(x | axes=$axes)", "y:-" },
    { "reduce_l1norm", "", "x:-", "y = sum(abs(x) | axes=$axes, keep=$keepdim)", "y:-" },
    { "reduce_l2norm", "", "x:-", "y = sqrt(sum(square(x) | axes=$axes, keep=$keepdim))", "y:-" },
    { "reduce_var_biased", "", "x:-", "y = var(x | axes=$axes, keep=$keepdim)", "y:-" },
    { "reduce_var_unbiased", "", "x:-", "y = var(x | axes=$axes, keep=$keepdim, unbiased=true)", "y:-" },
    { "reduce_std_unbiased", "", "x:-", "y = sqrt(var(x | axes=$axes, keep=$keepdim, unbiased=true))", "y:-" },
    { "prod", "", "x:-", "y = prod(x | axes=[$dim])", "y:-" },
    { "cumsum", "", "x:-", "y = cumsum(x | axis=$dim)", "y:-" },
    { "cumprod", "", "x:-", "y = cumprod(x | axis=$dim)", "y:-" },
    { "sort", "", "x:-", "y, indices = sort(x | axis=$dim, descending=$descending)", "y:- indices:-" },
    { "topk", "", "x:-", "y, indices = topk(x | axis=$dim, k=$k, largest=$largest)", "y:- indices:-" },
    { "logsumexp", "", "x:-", "y = logsumexp(x | axes=[$dim])", "y:-" },
    { "argmax", "", "x:-", "y = argmax(x | axis=$dim)", "y:-" },
    { "l_normalize", "p=2.0", "x:-",
      "y = div(x, maximum(sqrt(sum(square(x) | axes=[$dim], keep=true)), shift(scale(sum(x | axes=[$dim], "
      "keep=true) | factor=0) | amount=$eps)))", "y:-" },
    { "l_normalize", "p=1.0", "x:-",
      "y = div(x, maximum(sum(abs(x) | axes=[$dim], keep=true), shift(scale(sum(x | axes=[$dim], "
      "keep=true) | factor=0) | amount=$eps)))", "y:-" },
    { "softmax", "", "x:a", "y = softmax(x)", "y:a" },
    { "log_softmax", "", "x:a", "y = log_softmax(x)", "y:a" },
    { "softmax_inf_mask", "", "x:- m:-", "y = softmax(add(x, m))", "y:-" },

    /* movement */
    { "concat", "dim=1", "x0:- x1:- x2:-", "y = concat(x0, x1 | axis=$dim)", "y:-" },
    { "concat", "", "x0:- x1:- x2:-", "y = concat(x0, x1, x2 | axis=$dim)", "y:-" },
    { "split", "dim=1", "x:-",
      "y0 = slice(x | axis=1, start=0, count=1); y1 = slice(x | axis=1, start=1, count={x.1 - 1})", "y0:- y1:-" },
    { "split", "dim=0", "x:-",
      "y0 = slice(x | axis=0, start=0, count=1); y1 = slice(x | axis=0, start=1, count={x.0 - 1})", "y0:- y1:-" },
    { "stack", "dim=1", "x0:- x1:- x2:-",
      "y = concat(reshape(x0 | shape=[{x0.0}, 1, {x0.1}, {x0.2}]), reshape(x1 | shape=[{x0.0}, 1, {x0.1}, {x0.2}]), "
      "reshape(x2 | shape=[{x0.0}, 1, {x0.1}, {x0.2}]) | axis=1)", "y:-" },
    { "stack", "dim=0", "x0:- x1:- x2:-",
      "y = concat(reshape(x0 | shape=[1, {x0.0}, {x0.1}]), reshape(x1 | shape=[1, {x0.0}, {x0.1}]), "
      "reshape(x2 | shape=[1, {x0.0}, {x0.1}]) | axis=0)", "y:-" },
    { "expand", "", "x:-", "y = broadcast_to(x | shape=$shape)", "y:-" },
    { "tile", "reps=[2, 2]", "x:-", "y = concat(concat(x, x | axis=0), concat(x, x | axis=0) | axis=1)", "y:-" },
    { "tile", "reps=[1, 3, 1, 1]", "x:-", "y = concat(x, x, x | axis=1)", "y:-" },
    { "permute", "", "x:-", "y = permute(x | axes=$order)", "y:-" },
    { "roll", "", "x:-", "y = roll(x | shift=$shifts, axes=$dims)", "y:-" },
    { "slice", "index=1:4,::2", "x:-",
      "y = slice(slice(x | axis=0, start=1, count=3) | axis=1, start=0, count=3, step=2)", "y:-" },
    { "slice", "index=:,1::3,-5:-1", "x:-",
      "y = slice(slice(x | axis=1, start=1, count=2, step=3) | axis=2, start=3, count=4)", "y:-" },
    { "pad_constant", "pad_last_dim_first#=2", "x:-",
      "y = pad(x | axis=-1, before=$pad_last_dim_first[0], after=$pad_last_dim_first[1], value=$value)", "y:-" },
    { "pad_constant", "pad_last_dim_first#=4", "x:-",
      "y = pad(pad(x | axis=-1, before=$pad_last_dim_first[0], after=$pad_last_dim_first[1], value=$value) | axis=-2, "
      "before=$pad_last_dim_first[2], after=$pad_last_dim_first[3], value=$value)", "y:-" },
    { "pad_constant", "pad_last_dim_first#=6", "x:-",
      "y = pad(pad(pad(x | axis=-1, before=$pad_last_dim_first[0], after=$pad_last_dim_first[1], "
      "value=$value) | axis=-2, before=$pad_last_dim_first[2], after=$pad_last_dim_first[3], value=$value) | axis=-3, "
      "before=$pad_last_dim_first[4], after=$pad_last_dim_first[5], value=$value)", "y:-" },
    { "pad_negative", "pad_last_dim_first=[-1, -2, 0, -1]", "x:-",
      "y = slice(slice(x | axis=-1, start=1, count={x.3 - 3}) | axis=-2, start=0, count={x.2 - 1})", "y:-" },
    { "pad_negative", "pad_last_dim_first=[1, -1, -2, 3]", "x:-",
      "y = pad(slice(pad(slice(x | axis=-1, start=0, count={x.3 - 1}) | axis=-1, before=1, after=0) | axis=-2, start=2) | "
      "axis=-2, before=0, after=3)", "y:-" },
    { "index_select", "dim=1", "x:- i:n", "y = permute(gather(permute(x | axes=[1, 0]), i) | axes=[1, 0])", "y:-" },
    { "index_select", "dim=2", "x:- i:n", "y = permute(gather(permute(x | axes=[2, 0, 1]), i) | axes=[1, 2, 0])", "y:-" },
    { "max_dim", "", "x:-", "y = max(x | axes=[$dim]); indices = argmax(x | axis=$dim)", "y:- indices:-" },
    { "max_dim_ties", "", "x:-", "m, indices = topk(x | axis=$dim, k=1); y = reshape(m | shape=[{x.0}])", "y:- indices:-" },
    { "flip", "", "x:-", "y = flip(x | axes=$dims)", "y:-" },
    { "rot90", "k=1", "x:-", "y = flip(permute(x | axes=[1, 0]) | axes=0)", "y:-" },
    { "rot90", "k=2", "x:-", "y = flip(x | axes=$dims)", "y:-" },
    { "tril", "", "x:-", "y = tril(x | diagonal=$diagonal)", "y:-" },
    { "gather", "", "x:- i:n", "y = gather_along(x, i | axis=$dim)", "y:-" },
    { "scatter_add", "dim=1", "x:- i:n s:-", "y = add(x, scatter_along(s, i | axis=1, size={x.1}))", "y:-" },
    { "scatter_add", "dim=2", "x:- i:n s:-", "y = add(x, scatter_along(s, i | axis=2, size={x.2}))", "y:-" },
    { "one_hot", "", "i:n", "y = one_hot(i | classes=$classes)", "y:-" },
    { "embedding", "", "w:- i:n", "y = gather(w, i)", "y:-" },
    { "pixel_shuffle", "", "x:-",
      "y = rearrange(x | pattern=\"b (c p q) h w -> b c (h p) (w q)\", sizes=\"p=$r,q=$r\")", "y:-" },
    { "pixel_unshuffle", "", "x:-",
      "y = rearrange(x | pattern=\"b c (h p) (w q) -> b (c p q) h w\", sizes=\"p=$r,q=$r\")", "y:-" },
    { "window_partition", "", "x:-",
      "y = rearrange(x | pattern=\"b (y m) (x n) c -> (b y x) (m n) c\", sizes=\"m=$window,n=$window\")", "y:-" },

    /* products, convolutions, normalisation */
    { "linear", "", "x:- w:l b:-", "y = linear(x, w, b)", "y:-" },
    { "matmul", "shapes=[[4], [4]]", "a:- b:-",
      "y = reshape(matmul(reshape(a | shape=[1, {a.0}]), reshape(b | shape=[{b.0}, 1])) | shape=[])", "y:-" },
    { "matmul", "shapes=[[3, 4], [4]]", "a:- b:-",
      "y = reshape(matmul(a, reshape(b | shape=[{b.0}, 1])) | shape=[{a.0}])", "y:-" },
    { "matmul", "shapes=[[4], [2, 4, 3]]", "a:- b:-",
      "y = reshape(matmul(reshape(a | shape=[1, {a.0}]), b) | shape=[{b.0}, {b.2}])", "y:-" },
    { "matmul", "", "a:- b:-", "y = matmul(a, b)", "y:-" },
    { "einsum", "", "a:- b:-", "y = einsum(a, b | equation=\"$equation\")", "y:-" },
    { "weight_std_conv", "unbiased=false", "x:i w:c",
      "v = var(w | axes=[0, 1, 2], keep=true); m = mean(w | axes=[0, 1, 2], keep=true); "
      "y = conv(x, div(sub(w, m), sqrt(shift(v | amount=$eps))))", "y:i" },
    { "weight_std_conv", "unbiased=true", "x:i w:c",
      "v = var(w | axes=[0, 1, 2, 3], keep=true, unbiased=true); m = mean(w | axes=[0, 1, 2, 3], keep=true); "
      "y = conv(x, div(sub(w, m), sqrt(shift(v | amount=$eps))))", "y:i" },
    { "conv1d", "", "x:i w:c b:-",
      "y = conv(x, w, b | stride=$stride, padding=$padding, dilation=$dilation, groups=$groups)", "y:i" },
    { "conv2d", "", "x:i w:c b:-",
      "y = conv(x, w, b | stride=$stride, padding=$padding, dilation=$dilation, groups=$groups)", "y:i" },
    { "conv3d", "", "x:i w:c b:-",
      "y = conv(x, w, b | stride=$stride, padding=$padding, dilation=$dilation, groups=$groups)", "y:i" },
    { "conv_transpose2d", "", "x:i w:t b:-",
      "y = conv_transpose(x, w, b | stride=$stride, padding=$padding, output_padding=$output_padding, "
      "dilation=$dilation, groups=$groups)", "y:i" },
    { "conv_transpose3d", "", "x:i w:t b:-",
      "y = conv_transpose(x, w, b | stride=$stride, padding=$padding, output_padding=$output_padding, "
      "dilation=$dilation, groups=$groups)", "y:i" },
    { "batch_norm1d_train", "", "x:i w:- b:- rm:- rv:-",
      "y, _, _, running_mean, running_var = batch_norm(x, w, b, rm, rv | eps=$eps, decay={1 - $momentum}, "
      "training=true)", "y:i running_mean:- running_var:-" },
    { "batch_norm2d_train", "", "x:i w:- b:- rm:- rv:-",
      "y, _, _, running_mean, running_var = batch_norm(x, w, b, rm, rv | eps=$eps, decay={1 - $momentum}, "
      "training=true)", "y:i running_mean:- running_var:-" },
    { "batch_norm3d_train", "", "x:i w:- b:- rm:- rv:-",
      "y, _, _, running_mean, running_var = batch_norm(x, w, b, rm, rv | eps=$eps, decay={1 - $momentum}, "
      "training=true)", "y:i running_mean:- running_var:-" },
    { "batch_norm2d_eval", "", "x:i w:- b:- rm:- rv:-", "y = batch_norm(x, w, b, rm, rv | eps=$eps, training=false)", "y:i" },
    { "batch_norm3d_eval", "", "x:i w:- b:- rm:- rv:-", "y = batch_norm(x, w, b, rm, rv | eps=$eps, training=false)", "y:i" },
    { "layer_norm", "normalized_dims=1", "x:- w:- b:-", "y = layer_norm(x, w, b | eps=$eps)", "y:-" },
    { "group_norm", "", "x:i w:- b:-", "y = group_norm(x, w, b | eps=$eps, groups=$groups)", "y:i" },
    { "instance_norm", "", "x:i w:- b:-", "y = instance_norm(x, w, b | eps=$eps)", "y:i" },

    /* pooling and resampling */
    { "avg_pool2d", "", "x:i",
      "y = avg_pool(x | kernel=$kernel, stride=$stride, padding=$padding, ceil_mode=$ceil_mode:false, "
      "count_include_pad=$count_include_pad:true)", "y:i" },
    { "max_pool2d", "", "x:i",
      "y, indices = max_pool(x | kernel=$kernel, stride=$stride, padding=$padding, dilation=$dilation:1, "
      "ceil_mode=$ceil_mode:false)", "y:i indices:i" },
    { "avg_pool3d", "", "x:i",
      "y = avg_pool(x | kernel=$kernel, stride=$stride, padding=$padding, ceil_mode=$ceil_mode:false, "
      "count_include_pad=$count_include_pad:true)", "y:i" },
    { "max_pool3d", "", "x:i",
      "y = max_pool(x | kernel=$kernel, stride=$stride, padding=$padding, dilation=$dilation:1, "
      "ceil_mode=$ceil_mode:false)", "y:i" },
    { "adaptive_max_pool2d", "", "x:i", "y = adaptive_max_pool(x | size=$output)", "y:i" },
    { "adaptive_avg_pool2d", "output=1", "x:i", "y = global_avg_pool(x)", "y:i" },
    { "adaptive_avg_pool3d", "output=1", "x:i", "y = global_avg_pool(x)", "y:i" },
    { "adaptive_avg_pool2d", "", "x:i", "y = resize(x | size=$output, mode=area)", "y:i" },
    { "adaptive_avg_pool3d", "", "x:i", "y = resize(x | size=$output, mode=area)", "y:i" },
    { "resize2d_area", "", "x:i", "y = resize(x | size=$out, mode=area)", "y:i" },
    { "resize2d_bicubic_ac0", "", "x:i", "y = resize(x | size=$out, mode=bicubic_half_pixel)", "y:i" },
    { "resize2d_bicubic_ac1", "", "x:i", "y = resize(x | size=$out, mode=bicubic_corners)", "y:i" },
    { "resize2d_bilinear_ac0", "", "x:i", "y = resize(x | size=$out, mode=bilinear_half_pixel)", "y:i" },
    { "resize2d_bilinear_ac1", "", "x:i", "y = resize(x | size=$out, mode=bilinear_corners)", "y:i" },
    { "resize2d_nearest", "", "x:i", "y = resize(x | size=$out, mode=nearest)", "y:i" },
    { "resize2d_nearest_exact", "", "x:i", "y = resize(x | size=$out, mode=nearest_exact)", "y:i" },
    { "resize3d_nearest", "", "x:i", "y = resize(x | size=$out, mode=nearest)", "y:i" },
    { "resize3d_trilinear_ac0", "", "x:i", "y = resize(x | size=$out, mode=bilinear_half_pixel)", "y:i" },
    { "resize3d_trilinear_ac1", "", "x:i", "y = resize(x | size=$out, mode=bilinear_corners)", "y:i" },
    { "resize2d_scale_factor", "mode=nearest", "x:i",
      "y = resize(x | size=[{int x.2 * $scale_factor}, {int x.3 * $scale_factor}], factor=$scale_factor, mode=nearest)", "y:i" },
    { "resize2d_scale_factor", "mode=bilinear", "x:i",
      "y = resize(x | size=[{int x.2 * $scale_factor}, {int x.3 * $scale_factor}], factor=$scale_factor, "
      "mode=bilinear_half_pixel)", "y:i" },
    { "resize2d_scale_factor", "mode=bicubic", "x:i",
      "y = resize(x | size=[{int x.2 * $scale_factor}, {int x.3 * $scale_factor}], factor=$scale_factor, "
      "mode=bicubic_half_pixel)", "y:i" },

    { "grid_sample2d", "mode=nearest", "x:i g:-", "y = grid_sample(x, g | mode=nearest, padding=zeros, corners=$align_corners)", "y:i" },
    { "grid_sample2d", "padding_mode=reflection", "x:i g:-", "y = grid_sample(x, g | padding=reflect, corners=$align_corners)", "y:i" },
    { "grid_sample2d", "", "x:i g:-", "y = grid_sample(x, g | padding=$padding_mode, corners=$align_corners)", "y:i" },
    { "grid_sample3d", "", "x:i g:-", "y = grid_sample(x, g | padding=$padding_mode, corners=$align_corners)", "y:i" },
    { "affine_grid", "", "t:-", "y = affine_grid(t | size=[$out[2], $out[3]], corners=$align_corners)", "y:-" },
    { "pad_reflect", "pad_last_dim_first#=2", "x:i",
      "y = extend(x | before=$pad_last_dim_first[0], after=$pad_last_dim_first[1], mode=reflect)", "y:i" },
    { "pad_reflect", "pad_last_dim_first#=4", "x:i",
      "y = extend(x | before=[$pad_last_dim_first[2], $pad_last_dim_first[0]], "
      "after=[$pad_last_dim_first[3], $pad_last_dim_first[1]], mode=reflect)", "y:i" },
    { "pad_reflect", "pad_last_dim_first#=6", "x:i",
      "y = extend(x | before=[$pad_last_dim_first[4], $pad_last_dim_first[2], $pad_last_dim_first[0]], "
      "after=[$pad_last_dim_first[5], $pad_last_dim_first[3], $pad_last_dim_first[1]], mode=reflect)", "y:i" },
    { "pad_replicate", "pad_last_dim_first#=2", "x:i",
      "y = extend(x | before=$pad_last_dim_first[0], after=$pad_last_dim_first[1], mode=replicate)", "y:i" },
    { "pad_replicate", "pad_last_dim_first#=4", "x:i",
      "y = extend(x | before=[$pad_last_dim_first[2], $pad_last_dim_first[0]], "
      "after=[$pad_last_dim_first[3], $pad_last_dim_first[1]], mode=replicate)", "y:i" },
    { "pad_replicate", "pad_last_dim_first#=6", "x:i",
      "y = extend(x | before=[$pad_last_dim_first[4], $pad_last_dim_first[2], $pad_last_dim_first[0]], "
      "after=[$pad_last_dim_first[5], $pad_last_dim_first[3], $pad_last_dim_first[1]], mode=replicate)", "y:i" },
    { "pad_circular", "pad_last_dim_first#=2", "x:i",
      "y = extend(x | before=$pad_last_dim_first[0], after=$pad_last_dim_first[1], mode=circular)", "y:i" },
    { "pad_circular", "pad_last_dim_first#=4", "x:i",
      "y = extend(x | before=[$pad_last_dim_first[2], $pad_last_dim_first[0]], "
      "after=[$pad_last_dim_first[3], $pad_last_dim_first[1]], mode=circular)", "y:i" },
    { "pad_circular", "pad_last_dim_first#=6", "x:i",
      "y = extend(x | before=[$pad_last_dim_first[4], $pad_last_dim_first[2], $pad_last_dim_first[0]], "
      "after=[$pad_last_dim_first[5], $pad_last_dim_first[3], $pad_last_dim_first[1]], mode=circular)", "y:i" },
    { "unfold_im2col", "", "x:i",
      "y = rearrange(unfold(x | kernel=$kernel, stride=$stride, padding=$padding, dilation=$dilation) | "
      "pattern=\"b h w c -> b (h w) c\")", "y:i" },
    { "fold_col2im", "out=[4, 5]", "x:i", "y = fold(reshape(x | shape=[1, 3, 4, 8]) | size=$out, kernel=$kernel, stride=$stride)", "y:i" },
    { "fold_col2im", "out=[6, 6]", "x:i", "y = fold(reshape(x | shape=[1, 2, 2, 18]) | size=$out, kernel=$kernel, stride=$stride)", "y:i" },

    /* attention */
    { "attention_cross", "", "q:- k:- v:-", "y = attention(q, k, v | heads=$heads)", "y:-" },
    { "attention_fused_qkv", "", "x:- wqkv:l bqkv:- wo:l bo:- bias:- mask:-",
      "p = linear(x, wqkv, bqkv); q = slice(p | axis=-1, start=0, count={x.2}); k = slice(p | axis=-1, start={x.2}, "
      "count={x.2}); v = slice(p | axis=-1, start={2 * x.2}, count={x.2}); o = attention(q, k, v, bias, "
      "mask | heads=$heads); y = linear(o, wo, bo)", "y:-" },
    { "sine_position_3d", "", "", "pos = sine_position( | size=$shape, channels=$hidden, temperature=$temperature, normalize=$normalize)", "pos:i" },
    { "ms_deform_attn_3d", "q.1=72", DEFORM_OPERANDS, DEFORM("3x4x5, 2x2x3"), "y:-" },
    { "ms_deform_attn_3d", "q.1=22", DEFORM_OPERANDS, DEFORM("2x3x3, 1x2x2"), "y:-" },
    { "relative_position_bias", "", "table:- idx:n", "y = relative_position_bias(table | window=$window, heads=$heads)", "y:-" },
    { "patch_merge_gather", "x.1=48", "x:-", "y = rearrange(x | pattern=\"b (y p x q) c -> b (y x) (q p c)\", sizes=\"y=3,p=2,q=2\")", "y:-" },
    { "patch_merge_gather", "x.1=16", "x:-", "y = rearrange(x | pattern=\"b (y p x q) c -> b (y x) (q p c)\", sizes=\"y=2,p=2,q=2\")", "y:-" },
    { "patch_expand", "x.1=12", "x:-", "y = rearrange(x | pattern=\"b (y x) (p q c) -> b (y p x q) c\", sizes=\"y=3,p=$p,q=$p\")", "y:-" },
    { "patch_expand", "x.1=4", "x:-", "y = rearrange(x | pattern=\"b (y x) (p q c) -> b (y p x q) c\", sizes=\"y=2,p=$p,q=$p\")", "y:-" },
    { "swin_mask_index", "effective_shift=0", "", SWIN_INDEX, "relative_position_index:-" },
    { "swin_mask_index", "", "",
      SWIN_INDEX "; attn_mask = shift_mask( | res=[$height, $width], window=$effective_window, shift=$effective_shift)",
      "relative_position_index:- attn_mask:-" },

    /* losses */
    { "cross_entropy", "class_weights=false;ignore_index=-100;label_smoothing=0.0;reduction=mean", "x:i t:n",
      "y = cross_entropy(x, one_hot(t | classes={x.1}) | over=\"@\", batch=mean, pixels=mean)", "y:-" },
    { "cross_entropy", "class_weights=false;ignore_index=-100;label_smoothing=0.0;reduction=sum", "x:i t:n",
      "y = cross_entropy(x, one_hot(t | classes={x.1}) | over=\"@\", batch=sum, pixels=sum)", "y:-" },
    { "cross_entropy", "class_weights=false;ignore_index=-100;reduction=mean", "x:i t:n",
      "y = cross_entropy(x, "
      "shift(scale(one_hot(t | classes={x.1}) | factor={1 - $label_smoothing}) | amount={$label_smoothing / x.1}) | over=\"@\", "
      "batch=mean, pixels=mean)", "y:-" },
    /* Weights of classes, ignored labels: the weights of what counts are summed, and the mean is over them. */
    { "cross_entropy", "class_weights=false;reduction=mean", "x:i t:n",
      "o = one_hot(t | classes={x.1}, ignore=$ignore_index); "
      "q = add(scale(o | factor={1 - $label_smoothing}), scale(sum(o | axes=-1, keep=true) | factor={$label_smoothing / x.1})); "
      "y = neg(div(sum(mul(q, log_softmax(x))), sum(o)))", "y:-" },
    { "cross_entropy", "class_weights=true;reduction=mean", "x:i t:n w:-",
      "o = one_hot(t | classes={x.1}, ignore=$ignore_index); v = mul(o, w); "
      "q = add(scale(v | factor={1 - $label_smoothing}), scale(mul(sum(o | axes=-1, keep=true), w) | factor={$label_smoothing / x.1})); "
      "y = neg(div(sum(mul(q, log_softmax(x))), sum(v)))", "y:-" },
    { "cross_entropy_soft_target", "", "x:i t:i", "y = cross_entropy(x, t | over=\"@\", batch=mean, pixels=mean)", "y:-" },
    { "nll_loss", "", "x:i t:n", "y = neg(mean(sum(mul(x, one_hot(t | classes={x.1})) | axes=[-1])))", "y:-" },
    { "bce", "", "x:- t:-", "y = neg(mean(add(mul(t, log(x)), mul(shift(neg(t) | amount=1), log1p(neg(x))))))", "y:-" },
    { "bce_with_logits", "reduction=mean", "x:i t:i", "y = bce_with_logits(x, t | over=\"@C\", batch=mean, pixels=mean)", "y:-" },
    { "bce_with_logits", "reduction=sum", "x:i t:i", "y = bce_with_logits(x, t | over=\"@C\", batch=sum, pixels=sum)", "y:-" },
    { "bce_with_logits", "reduction=none", "x:i t:i", "y = sub(softplus(x), mul(x, t))", "y:i" },
    { "bce_with_logits_pos_weight", "", "x:- t:- w:- p:-",
      "y = mean(mul(w, add(mul(shift(neg(t) | amount=1), x), mul(shift(mul(shift(p | amount=-1), t) | amount=1), "
      "softplus(neg(x))))))", "y:-" },
    { "dice_loss_nnunet", "", "x:i t:n",
      "y = shift(dice(x, one_hot(t | classes={x.1}) | smooth=$smooth, squared=false, batch=$batch_dice, foreground=true) | amount=-1)", "y:-" },
    { "dice_loss_vnet", "", "x:i t:-",
      "p = slice(softmax(x) | axis=-1, start=1, count=1); p = reshape(p | shape=[{x.0}, -1]); g = reshape(t | shape=[{x.0}, -1]); "
      "s = add(sum(square(p) | axes=1), sum(square(g) | axes=1)); "
      "y = shift(neg(mean(div(scale(sum(mul(p, g) | axes=1) | factor=2), shift(s | amount=1e-5)))) | amount=1)", "y:-" },
    { "dice_loss_transunet", "", "x:i t:n", "y = dice(x, one_hot(t | classes={x.1}) | smooth=$smooth)", "y:-" },
    { "loss_ce_dice_04_06", "", "x:i t:n",
      "o = one_hot(t | classes={x.1}); y = add(scale(cross_entropy(x, o | over=\"@\", batch=mean, "
      "pixels=mean) | factor=0.4), scale(dice(x, o) | factor=0.6))", "y:-" },
    { "loss_ce_dice_05_05", "", "x:i t:n",
      "o = one_hot(t | classes={x.1}); y = add(scale(cross_entropy(x, o | over=\"@\", batch=mean, "
      "pixels=mean) | factor=0.5), scale(dice(x, o) | factor=0.5))", "y:-" },
    { "focal_loss", "", "x:i t:n",
      "c = sum(mul(log_softmax(x), one_hot(t | classes={x.1})) | axes=[-1]); "
      "y = neg(mean(mul(power(neg(expm1(c)) | exponent=$gamma), c)))", "y:-" },
    { "gauss_log_prob", "", "x:- m:- s:-",
      "y = shift(sub(neg(log(s)), scale(square(div(sub(x, m), s)) | factor=0.5)) | amount=-0.91893853320467274)", "y:-" },
    { "gauss_nll", "", "m:- t:- v:-", "y = scale(mean(add(log(v), div(square(sub(m, t)), v))) | factor=0.5)", "y:-" },
    /* The case applies log_softmax to x, and the logarithm to the target. */
    { "kl_div", "reduction=batchmean", "x:i t:i", "y = scale(sum(mul(t, sub(log(t), log_softmax(x)))) | factor={1 / x.0})", "y:-" },
    { "kl_gauss_diag_logvar", "", "mq:i lq:i mp:i lp:i",
      "y = kl_log_var(mq, lq, mp, lp | over=\"@C\", batch=mean, pixels=sum)", "y:-" },
    { "kl_gauss_diag_std", "", "mq:- sq:- mp:- sp:-",
      "y = shift(add(sub(log(sp), log(sq)), scale(add(square(div(sq, sp)), square(div(sub(mq, mp), "
      "sp))) | factor=0.5)) | amount=-0.5)", "y:-" },
    { "kl_gauss_std_normal", "", "m:- lv:-",
      "y = scale(mean(shift(sub(add(square(m), exp(lv)), lv) | amount=-1)) | factor=0.5)", "y:-" },
    { "loss_l1", "", "x:- t:-", "y = mean(abs(sub(x, t)))", "y:-" },
    { "loss_mse", "", "x:- t:-", "y = mean(square(sub(x, t)))", "y:-" },
    { "loss_huber_d07", "", "x:- t:-",
      "d = abs(sub(x, t)); y = mean(where(is_positive(shift(d | amount=-0.7)), "
      "scale(shift(d | amount=-0.35) | factor=0.7), scale(square(d) | factor=0.5)))", "y:-" },
    { "loss_smooth_l1_b05", "", "x:- t:-",
      "d = abs(sub(x, t)); y = mean(where(is_positive(shift(d | amount=-0.5)), shift(d | amount=-0.25), square(d)))", "y:-" },
    { NULL, NULL, NULL, NULL, NULL }
};

const op_row resampling_rows[] = {
    { "bilinear_align_corners_x2", "", "x:i", "y = upsample(x | factor=2, mode=bilinear_corners)", "y:i" },
    { "bilinear_half_pixel_x2", "", "x:i", "y = upsample(x | factor=2, mode=bilinear_half_pixel)", "y:i" },
    { "bilinear_tf1_asymmetric_x2", "", "x:i", "y = upsample(x | factor=2, mode=bilinear_asymmetric)", "y:i" },
    { "nearest_x2", "", "x:i", "y = upsample(x | factor=2, mode=nearest)", "y:i" },
    { "avgpool2_floor", "", "x:i", "y = avg_pool(x | kernel=2)", "y:i" },
    { "avgpool2_ceil_exclude_pad", "", "x:i", "y = avg_pool(x | kernel=2, ceil_mode=true, count_include_pad=false)", "y:i" },
    { "maxpool2_floor", "", "x:i", "y = max_pool(x | kernel=2)", "y:i" },
    { NULL, NULL, NULL, NULL, NULL }
};
