# models/local.mk - the model language.
headers += models/models.h models/checkpoint.h
libcore_la_SOURCES += \
	models/checkpoint.c \
	models/checkpoint_folder.c \
	models/diagnostics.c \
	models/lexer.c \
	models/memory.c \
	models/model.h \
	models/scalar.c \
	models/yaml.c
include models/zoo/local.mk
