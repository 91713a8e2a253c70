# bench/kernels.mk - speed of the convolution and product kernels (x86-64)
if X86_KERNELS
EXTRA_PROGRAMS += bench/kernels
bench_kernels_SOURCES = bench/kernels.c
bench_kernels_LDADD = libcore.la
endif
