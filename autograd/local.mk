# autograd/local.mk - the engine.
libcore_la_SOURCES += \
	autograd/error.c
headers += autograd/autograd.h autograd/op.h autograd/error.h
