# tests/local.mk
include tests/data.mk
