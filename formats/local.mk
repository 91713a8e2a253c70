# formats/local.mk - files to arrays and back.
headers += formats/formats.h
libcore_la_SOURCES += \
	formats/array.c \
	formats/bytes.h \
	formats/crc32c.c \
	formats/file.c \
	formats/json.c \
	formats/json_write.c \
	formats/magma.c \
	formats/magma_table.c \
	formats/npy.c \
	formats/npz.c \
	formats/npz_write.c \
	formats/png.c \
	formats/safetensors.c \
	formats/safetensors_write.c \
	formats/text.c \
	formats/zip.c \
	formats/zip.h
EXTRA_DIST += formats/README.md
