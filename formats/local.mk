# formats/local.mk
