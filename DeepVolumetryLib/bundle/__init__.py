"""Model bundles: find, verify, read, import and remove. Bundles are data; nothing in one is ever executed."""

from .bundle import Bundle
from .manifest import add_to_manifest, sha256_of_file, write_manifest
from .store import find_bundle, import_bundle, list_bundles, remove_bundle, user_folder

__all__ = [
    "Bundle",
    "add_to_manifest",
    "find_bundle",
    "import_bundle",
    "list_bundles",
    "remove_bundle",
    "sha256_of_file",
    "user_folder",
    "write_manifest",
]
