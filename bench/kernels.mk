# bench/kernels.mk - speed of the convolution and product kernels (x86-64)
if X86_KERNELS
EXTRA_PROGRAMS += bench/kernels
bench_kernels_SOURCES = bench/kernels.c bench/kernels.h bench/kernels_measure.c bench/kernels_others.c
bench_kernels_LDADD = libcore.la
endif
EXTRA_DIST += bench/roofline.py docs/performance.md docs/images/roofline.svg docs/images/speed.svg
