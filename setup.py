"""Which folders become packages; everything else stands in pyproject.toml.

A wheel has the shape of an installed extension: the libraries of the modules side by side, next to them one Resources
folder with the models of all of them. So weights are found in the same way everywhere (DeepVolumetryLib/modules.py).
"""

from pathlib import Path

from setuptools import find_packages, setup

MODULES = ("FemurQCT", "GliomaUncertainty", "RenalParenchyma", "SpleenVolume")

packages = find_packages(include=["DeepVolumetryLib*"])
package_dir = {}
for module in MODULES:
    library = f"{module}Lib"
    packages += [library, *(f"{library}.{name}" for name in find_packages(f"{module}/{library}"))]
    package_dir[library] = f"{module}/{library}"
    resources = Path(module, "Resources")
    for folder in (resources / module, *sorted(resources.glob("Models/*/"))):
        name = ".".join(folder.relative_to(module).parts)
        packages.append(name)
        package_dir[name] = folder.as_posix()

for folder in (Path("Resources", "ColorTables"), Path("Resources", "Terminologies")):  # what the modules share
    name = ".".join(folder.parts)
    packages.append(name)
    package_dir[name] = folder.as_posix()

resources_of_modules = {name: ["**/*"] for name in packages if name.startswith("Resources.")}
setup(packages=packages, package_dir=package_dir, package_data={"*": ["*.json", "*.ui", "requirements.txt"], **resources_of_modules})
