# models/zoo/local.mk - to add a model: write models/zoo/NAME.yaml and put it in this list.
zoodir = $(pkgdatadir)/zoo
dist_zoo_DATA = \
	models/zoo/hpu_net.yaml \
	models/zoo/phiseg.yaml \
	models/zoo/prob_unet.yaml \
	models/zoo/swin_unet.yaml \
	models/zoo/unet.yaml \
	models/zoo/vae_unet.yaml \
	models/zoo/vae_unet_conv.yaml
