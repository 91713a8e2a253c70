# tests/local.mk
include tests/engine.mk
include tests/data.mk
include tests/formats.mk
include tests/train.mk
include tests/kernels.mk
include tests/golden.mk
include tests/cli.mk
