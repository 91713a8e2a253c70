# bench/local.mk - measurements; `make bench` builds them, nothing here runs in `make check`.
include bench/kernels.mk
include bench/step.mk
bench: $(EXTRA_PROGRAMS)
.PHONY: bench
