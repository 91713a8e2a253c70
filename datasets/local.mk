# datasets/local.mk - the sources of images, and the loader.
headers += datasets/datasets.h
