# experiments/local.mk - trainer, sampler, scores, comparison.
headers += experiments/experiments.h
