# metrics/local.mk - the scores.
headers += metrics/metrics.h
