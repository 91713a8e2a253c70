# metrics/local.mk - to add a metric: write metrics/NAME.c with ad_metric_NAME and put it in this list. Tables print in its order.
metric_files = \
	metrics/ged2.c \
	metrics/ged2_unbiased.c \
	metrics/ncc.c \
	metrics/iou.c \
	metrics/iou_matched.c \
	metrics/dice.c \
	metrics/dice_synapse.c \
	metrics/dice_mean.c \
	metrics/hd95.c \
	metrics/hd95_synapse.c \
	metrics/diversity.c \
	metrics/diversity_distinct.c \
	metrics/reader_distance.c

libcore_la_SOURCES += $(metric_files) \
	metrics/parts.h \
	metrics/table.c \
	metrics/overlap.c \
	metrics/distances.c \
	metrics/assign.c \
	metrics/maps.c \
	metrics/surface.c \
	metrics/summary.c
headers += metrics/metrics.h

metrics/metrics.def: $(top_srcdir)/metrics/local.mk
	@mkdir -p metrics
	$(AM_V_GEN)for f in $(metric_files); do n=$${f##*/}; echo "METRIC($${n%.c})"; done > $@.new && mv $@.new $@
metrics/table.lo: metrics/metrics.def
BUILT_SOURCES += metrics/metrics.def
CLEANFILES += metrics/metrics.def
EXTRA_DIST += metrics/README.md docs/protocols.md
