# optim/local.mk
