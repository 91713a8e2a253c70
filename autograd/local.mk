# autograd/local.mk - the engine.
libcore_la_SOURCES += \
	autograd/arena.c autograd/arena.h \
	autograd/attr.c \
	autograd/budget.c \
	autograd/buffers.c \
	autograd/chain.c autograd/chain_run.c \
	autograd/columns.c \
	autograd/context.c \
	autograd/directional.c \
	autograd/error.c \
	autograd/eval.c \
	autograd/finding.c \
	autograd/flow.c \
	autograd/gradcheck.c autograd/gradcheck.h \
	autograd/gradcheck_tape.c \
	autograd/gradients.c \
	autograd/init.c \
	autograd/internal.h \
	autograd/lifetimes.c \
	autograd/module.c \
	autograd/opcheck.c autograd/opcheck.h \
	autograd/opcheck_run.c \
	autograd/params.c \
	autograd/picture.c \
	autograd/plan.c \
	autograd/print.c autograd/profile.c \
	autograd/random.c \
	autograd/recompute.c \
	autograd/run.c \
	autograd/schedule.c \
	autograd/sha256.c \
	autograd/shape.c \
	autograd/svg.c autograd/svg.h \
	autograd/tail.c autograd/tape.c \
	autograd/text.c autograd/text.h
headers += autograd/autograd.h autograd/op.h autograd/error.h
