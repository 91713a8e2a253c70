# ops/local.mk - to add an op: write ops/NAME.c and put it in one of these lists (alphabetical).

# elementwise, reductions, data movement, losses, random
op_files_basic =

# convolution, products, norms, pooling, resizing, attention
op_files_layers =

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
