# autograd/local.mk - the engine.
libcore_la_SOURCES += \
	autograd/error.c \
	autograd/init.c \
	autograd/params.c \
	autograd/random.c \
	autograd/sha256.c
headers += autograd/autograd.h autograd/op.h autograd/error.h
