"""The methods by which a volume is estimated, and what they are called. Plain Python, so that the panel can list them at once."""

TITLES = {
    "ensemble": "ensemble: similar shapes, kernel regression, RVAE",
    "kernel": "kernel regression on outlines and lengths",
    "dice": "nearest shapes by Dice",
    "rvae": "RVAE",
    "rvae-ci": "RVAE-CI",
    "plr": "VAE + linear regression (PLR)",
    "nn": "VAE + nearest neighbor (NN)",
    "resnet18": "ResNet-18",
    "vgg16": "VGG-16",
    "densenet121": "DenseNet-121",
    "pix2vox": "reconstruction (Pix2Vox++ style)",
    "stack": "stacked outlines",
    "loglinear": "log-linear on areas and lengths",
    "ellipsoid": "ellipsoid formula",
    "prassopoulos": "Prassopoulos formula",
}
"""Methods, in the order in which they are shown."""
BESIDE = ("ellipsoid", "prassopoulos", "rvae", "rvae-ci", "plr", "nn")
"""Methods whose volumes stand in the table beside the one that was chosen: the formulas that readers know, and those of the paper."""
