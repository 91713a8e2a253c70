# models/local.mk - the model language.
headers += models/models.h models/checkpoint.h
libcore_la_SOURCES += \
	models/checkpoint.c \
	models/checkpoint_folder.c \
	models/builtins.c \
	models/call.c \
	models/check.c \
	models/check.h \
	models/diagnostics.c \
	models/elaborate.h \
	models/eval.c \
	models/expand.c \
	models/lexer.c \
	models/lints.c \
	models/map.c \
	models/memory.c \
	models/model.c \
	models/model.h \
	models/names.c \
	models/objective.c \
	models/opcall.c \
	models/parser.c \
	models/parser.h \
	models/paths.c \
	models/program.c \
	models/record.c \
	models/run.c \
	models/scalar.c \
	models/sections.c \
	models/settings.c models/inits.c \
	models/settings.h \
	models/sites.c \
	models/statements.c \
	models/trace.c \
	models/value.c \
	models/weights.c \
	models/yaml.c
EXTRA_DIST += docs/add-a-model.md

include models/zoo/local.mk
