# datasets/local.mk - to add a source: write datasets/NAME.c with ad_source_NAME and put it in this list.
source_files = \
	datasets/synthetic.c \
	datasets/lidc.c

libcore_la_SOURCES += $(source_files) \
	datasets/scene.h \
	datasets/scene.c \
	datasets/scene_image.c \
	datasets/dataset.c \
	datasets/fit.c \
	datasets/loader.c \
	datasets/transform.c
headers += datasets/datasets.h

datasets/datasets.def: $(top_srcdir)/datasets/local.mk
	@mkdir -p datasets
	$(AM_V_GEN)for f in $(source_files); do n=$${f##*/}; echo "SOURCE($${n%.c})"; done > $@.new && mv $@.new $@
datasets/dataset.lo: datasets/datasets.def
BUILT_SOURCES += datasets/datasets.def
CLEANFILES += datasets/datasets.def
EXTRA_DIST += datasets/README.md docs/add-a-dataset.md
