# ops/kernels/local.mk - to add kernels: put the source in one of these lists. Every list is compiled once per variant.

# every variant
kernel_files = \
	ops/kernels/attention.c \
	ops/kernels/element.c \
	ops/kernels/element_binary.c \
	ops/kernels/element_fold.c \
	ops/kernels/element_softmax.c \
	ops/kernels/element_unary.c \
	ops/kernels/element_update.c \
	ops/kernels/norm.c \
	ops/kernels/pool.c \
	ops/kernels/table.c

# plain variants only (base, base64, fma64) and fast variants only (avx2, avx512)
kernel_files_plain = \
	ops/kernels/conv_plain.c \
	ops/kernels/gemm_plain.c
kernel_files_fast = \
	ops/kernels/conv_fast.c \
	ops/kernels/conv_fast_weight.c \
	ops/kernels/conv_fill.c \
	ops/kernels/conv_lanes.c \
	ops/kernels/conv_lanes_weight.c \
	ops/kernels/conv_tile.c \
	ops/kernels/conv_winograd.c \
	ops/kernels/conv_winograd_parts.c \
	ops/kernels/conv_winograd_weight.c \
	ops/kernels/gemm_fast.c \
	ops/kernels/gemm_tile.c

libcore_la_SOURCES += ops/kernels/conv_view.c ops/kernels/conv_winograd_fits.c ops/kernels/limits.c ops/kernels/select.c
headers_kernels = \
	ops/kernels/conv_chunks.h \
	ops/kernels/conv_fill.h \
	ops/kernels/conv_kernels.h \
	ops/kernels/conv_lanes.h \
	ops/kernels/conv_lanes_weight.h \
	ops/kernels/conv_partial.h \
	ops/kernels/conv_tile.h \
	ops/kernels/conv_view.h \
	ops/kernels/conv_winograd.h \
	ops/kernels/conv_winograd_parts.h \
	ops/kernels/conv_winograd_transform.h \
	ops/kernels/element_kernels.h \
	ops/kernels/element_map.h \
	ops/kernels/gemm_tile.h \
	ops/kernels/tile_run.h \
	ops/kernels/kernels.h \
	ops/kernels/limits.h \
	ops/kernels/norm_kernels.h \
	ops/kernels/select.h \
	ops/kernels/simd.h \
	ops/kernels/simd_avx2.h \
	ops/kernels/simd_avx512.h \
	ops/kernels/simd_scalar.h \
	ops/kernels/staged.h \
	ops/kernels/variant.h
EXTRA_DIST += $(headers_kernels) ops/kernels/README.md

kernel_libs = libkernels_base.la libkernels_base64.la
if X86_KERNELS
kernel_libs += libkernels_fma64.la libkernels_avx2.la libkernels_avx512.la
endif
noinst_LTLIBRARIES += $(kernel_libs)
libcore_la_LIBADD += $(kernel_libs)

libkernels_base_la_SOURCES = $(kernel_files) $(kernel_files_plain)
libkernels_base_la_CPPFLAGS = $(AM_CPPFLAGS) -DADZE_VARIANT=base
libkernels_base_la_CFLAGS = $(AM_CFLAGS) $(KERNEL_CFLAGS)

libkernels_base64_la_SOURCES = $(kernel_files) $(kernel_files_plain)
libkernels_base64_la_CPPFLAGS = $(AM_CPPFLAGS) -DADZE_VARIANT=base64 -DADZE_DOUBLE
libkernels_base64_la_CFLAGS = $(AM_CFLAGS) $(KERNEL_CFLAGS)

libkernels_fma64_la_SOURCES = $(kernel_files) $(kernel_files_plain)
libkernels_fma64_la_CPPFLAGS = $(AM_CPPFLAGS) -DADZE_VARIANT=fma64 -DADZE_DOUBLE
libkernels_fma64_la_CFLAGS = $(AM_CFLAGS) $(KERNEL_CFLAGS) -mavx2 -mfma

libkernels_avx2_la_SOURCES = $(kernel_files) $(kernel_files_fast)
libkernels_avx2_la_CPPFLAGS = $(AM_CPPFLAGS) -DADZE_VARIANT=avx2 -DADZE_SIMD_AVX2
libkernels_avx2_la_CFLAGS = $(AM_CFLAGS) $(KERNEL_CFLAGS) -mavx2 -mfma

libkernels_avx512_la_SOURCES = $(kernel_files) $(kernel_files_fast)
libkernels_avx512_la_CPPFLAGS = $(AM_CPPFLAGS) -DADZE_VARIANT=avx512 -DADZE_SIMD_AVX512
libkernels_avx512_la_CFLAGS = $(AM_CFLAGS) $(KERNEL_CFLAGS) \
	-mavx512f -mavx512dq -mavx512vl -mavx512bw -mfma -mprefer-vector-width=512
