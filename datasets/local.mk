# datasets/local.mk
