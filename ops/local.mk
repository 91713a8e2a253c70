# ops/local.mk - to add an op: write ops/NAME.c and put it in one of these lists (alphabetical).

# elementwise, reductions, data movement, losses, random, updates of optimisers
op_files_basic =

# convolution, products, norms, pooling, resizing, attention
op_files_layers =

op_files = $(op_files_basic) $(op_files_layers)
headers += ops/ops.h
include ops/kernels/local.mk
