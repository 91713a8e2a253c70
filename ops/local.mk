# ops/local.mk - to add an op: write ops/NAME.c and put it in one of these lists (alphabetical).

# elementwise, reductions, data movement, losses, random
op_files_basic = \
	ops/abs.c \
	ops/add.c \
	ops/argmax.c \
	ops/atan.c \
	ops/atan2.c \
	ops/bce_with_logits.c \
	ops/broadcast_to.c \
	ops/clamp.c \
	ops/concat.c \
	ops/cos.c \
	ops/cross_entropy.c \
	ops/cumprod.c \
	ops/cumsum.c \
	ops/dice.c \
	ops/div.c \
	ops/drop_path.c \
	ops/dropout.c \
	ops/elu.c \
	ops/equal.c \
	ops/erf.c \
	ops/exp.c \
	ops/expm1.c \
	ops/fill.c \
	ops/flip.c \
	ops/floor.c \
	ops/gather.c \
	ops/gather_along.c \
	ops/gelu.c \
	ops/gelu_slope.c \
	ops/greater.c \
	ops/greater_equal.c \
	ops/is_positive.c \
	ops/kl_log_var.c \
	ops/kl_normal.c \
	ops/leaky_relu.c \
	ops/less.c \
	ops/less_equal.c \
	ops/log.c \
	ops/log1p.c \
	ops/log_softmax.c \
	ops/logsumexp.c \
	ops/max.c \
	ops/maximum.c \
	ops/mean.c \
	ops/min.c \
	ops/minimum.c \
	ops/mul.c \
	ops/neg.c \
	ops/normal.c \
	ops/one_hot.c \
	ops/pad.c \
	ops/permute.c \
	ops/pow.c \
	ops/power.c \
	ops/prod.c \
	ops/rearrange.c \
	ops/reciprocal.c \
	ops/recurrence.c \
	ops/relu.c \
	ops/reshape.c \
	ops/roll.c \
	ops/round.c \
	ops/rsqrt.c \
	ops/scale.c \
	ops/scale_gradient.c \
	ops/scatter_add.c \
	ops/scatter_along.c \
	ops/shift.c \
	ops/sigmoid.c \
	ops/sign.c \
	ops/silu.c \
	ops/sin.c \
	ops/slice.c \
	ops/softmax.c \
	ops/softmax_cross_entropy.c \
	ops/softmax_cross_entropy_gradient.c \
	ops/softplus.c \
	ops/sort.c \
	ops/sqrt.c \
	ops/square.c \
	ops/stop_gradient.c \
	ops/straight_through.c \
	ops/sub.c \
	ops/sum.c \
	ops/sum_to.c \
	ops/tanh.c \
	ops/tile_to.c \
	ops/topk.c \
	ops/topk_cross_entropy.c \
	ops/topk_mask.c \
	ops/tril.c \
	ops/uniform.c \
	ops/var.c \
	ops/where.c

# convolution, products, norms, pooling, resizing, attention
op_files_layers = \
	ops/adaptive_max_pool.c \
	ops/affine_grid.c \
	ops/attention.c \
	ops/attention_gradient.c \
	ops/avg_pool.c \
	ops/avg_pool_gradient.c \
	ops/batch_norm.c \
	ops/batch_norm_statistics.c \
	ops/channel_affine.c \
	ops/channel_products.c \
	ops/channel_sum.c \
	ops/conv.c \
	ops/conv_by_input.c \
	ops/conv_by_weight.c \
	ops/conv_transpose.c \
	ops/deformable_attention.c \
	ops/einsum.c \
	ops/extend.c \
	ops/extend_gradient.c \
	ops/fold.c \
	ops/global_avg_pool.c \
	ops/grid_cells.c \
	ops/grid_sample.c \
	ops/group_norm.c \
	ops/instance_norm.c \
	ops/layer_norm.c \
	ops/layer_norm_gradient.c \
	ops/linear.c \
	ops/matmul.c \
	ops/max_pool.c \
	ops/max_pool_gather.c \
	ops/max_pool_gradient.c \
	ops/relative_position_bias.c \
	ops/resize.c \
	ops/resize_gradient.c \
	ops/shift_mask.c \
	ops/sine_position.c \
	ops/unfold.c \
	ops/upsample.c
libcore_la_SOURCES += ops/attention_parts.c ops/attention_parts.h ops/batch_norm.h ops/columns.c ops/columns.h ops/computed.c ops/computed.h ops/grid.h ops/resample.c ops/resample.h ops/unfolded.c ops/unfolded.h ops/window.c ops/window.h

# updates of optimisers
op_files_update = \
	ops/adagrad_update.c \
	ops/adam_update.c \
	ops/adamax_update.c \
	ops/nadam_update.c \
	ops/radam_update.c \
	ops/rmsprop_update.c \
	ops/sgd_update.c
libcore_la_SOURCES += ops/update.c ops/update.h

op_files = $(op_files_basic) $(op_files_layers) $(op_files_update)
headers += ops/ops.h
include ops/kernels/local.mk
libcore_la_SOURCES += $(op_files) \
	ops/along.c ops/along.h \
	ops/elementwise.c ops/elementwise.h \
	ops/loss.c ops/loss.h \
	ops/move.c ops/move.h \
	ops/random_fill.c ops/random_fill.h \
	ops/reduce.c ops/reduce.h \
	ops/rows.c ops/rows.h \
	ops/table.c

# ops.def names every op of the lists: OP(add) OP(relu) ... The table includes it; BUILT_SOURCES alone would not serve `make ops/table.lo`.
ops/ops.def: $(srcdir)/ops/local.mk
	@$(MKDIR_P) ops
	$(AM_V_GEN)for f in $(op_files); do basename $$f .c; done | sed 's/.*/OP(&)/' >$@.tmp && mv $@.tmp $@
ops/table.lo: ops/ops.def
CLEANFILES += ops/ops.def
EXTRA_DIST += ops/README.md docs/add-an-op.md docs/ops.md docs/derivations/attention.md docs/derivations/batch_norm.md docs/derivations/conv.md \
	docs/derivations/grid_sample.md docs/derivations/kl_normal.md docs/derivations/norms.md docs/derivations/products.md \
	docs/derivations/recurrence.md docs/derivations/resample.md docs/derivations/selection.md docs/derivations/softmax.md \
	docs/derivations/winograd.md

