# formats/local.mk - files to arrays and back.
headers += formats/formats.h
