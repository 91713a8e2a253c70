# models/local.mk - the model language.
headers += models/models.h
