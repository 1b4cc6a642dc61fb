"""Studies on a DICOMweb server (Orthanc, dcm4chee, Google, …): found with QIDO-RS, fetched by the worker that needs them with WADO-RS.

Names and passwords stand in ``~/.netrc``; a token goes into ``$DEEPVOLUMETRY_DICOMWEB_AUTHORIZATION`` ("Bearer …"). Neither ever stands
in a job, a result or on the command line.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ...errors import InputError
from ..inputs import INPUTS
from .cohort import Case
from .series import TAGS, Series, cases_of
from .sources import Source

TOKEN = "DEEPVOLUMETRY_DICOMWEB_AUTHORIZATION"
_ADDRESS = re.compile(r"(?P<server>https?://.+?)/studies/(?P<study>[\d.]+)/series/(?P<series>[\d.]+)(/instances/(?P<instance>[\d.]+))?/?")
_PAGE = 200
_TIMEOUT_S = (10, 120)
_TRIES, _FIRST_WAIT_MS = 3, 250


def find_cases(address: str, module: str, options: Sequence[str], query: Mapping[str, str]) -> list[Case]:
    """Cases of a server.

    Args:
        address: of the DICOMweb service, such as http://localhost:8042/dicom-web.
        module: key.
        options: of ``segment``, for all cases.
        query: attributes and values to search for, besides the modality.

    Raises:
        InputError: if the server does not answer, refuses, or has nothing that the module takes.
    """
    found: list[Series] = []
    spec = INPUTS[module][0]
    with _client(address) as client:
        for modality in spec.modalities:
            filters = {"Modality": modality, **query}
            for attributes in _pages(client, filters):
                found += _series(client, address.rstrip("/"), attributes, modality, spec.flat, several=len(INPUTS[module]) > 1)
    cases = cases_of(sorted(found, key=lambda each: (each.study, each.uid)), module, options)
    if not cases:
        wanted = " or ".join(spec.modalities)
        raise InputError(
            f"{_host(address)} has {len(found)} series that fit, but none that is {wanted} and more than a localizer. Change --query."
        )
    return cases


def fetch_series(address: str, folder: Path) -> None:
    """Write the images of a series, or one image of it, into a folder.

    Args:
        address: ``…/studies/UID/series/UID``, and optionally ``/instances/UID``.
        folder: to write into.

    Raises:
        InputError: if the address is another one, the server does not answer or refuses, or sends no images.
    """
    match = _ADDRESS.fullmatch(address)
    if match is None:
        raise InputError(f"{_host(address)}: the address of a series must look like https://server/dicom-web/studies/UID/series/UID.")
    study, series, instance = match["study"], match["series"], match["instance"]
    count = 0
    with _client(match["server"]) as client:
        datasets = [client.retrieve_instance(study, series, instance)] if instance else client.iter_series(study, series)
        for count, dataset in enumerate(datasets, 1):
            dataset.save_as(folder / f"{count:06d}.dcm", enforce_file_format=True)
    if not count:
        raise InputError(f"{_host(address)} sent no images of the series. Check its UID.")


@contextmanager
def _client(address: str) -> Iterator[Any]:
    """A client of a server, with every way to fail turned into a sentence."""
    import requests
    from dicomweb_client.api import DICOMwebClient

    headers = {"Authorization": os.environ[TOKEN]} if os.environ.get(TOKEN) else None
    try:
        client = DICOMwebClient(url=address.rstrip("/"), headers=headers, timeout=_TIMEOUT_S)
        client.set_http_retry_params(max_attempts=_TRIES, wait_exponential_multiplier=_FIRST_WAIT_MS)
        yield client
    except requests.exceptions.HTTPError as error:
        code = error.response.status_code if error.response is not None else "an error"
        advice = f"Put the password into ~/.netrc, or a token into ${TOKEN}." if code in (401, 403) else "Check the address."
        raise InputError(f"{_host(address)} answered {code}. {advice}") from error
    except requests.exceptions.RequestException as error:
        raise InputError(
            f"{_host(address)} does not answer ({type(error).__name__}). Check the address and that the server runs."
        ) from error
    except ValueError as error:
        raise InputError(f"{_host(address)} does not answer as a DICOMweb server does. Check the address.") from error


def _pages(client: Any, filters: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
    """Series page by page; a server that ignores the offset sends its first page again, and that ends it."""
    seen: set[str] = set()
    offset = 0
    while True:
        page = client.search_for_series(limit=_PAGE, offset=offset, fields=["SeriesDescription"], search_filters=dict(filters))
        fresh = [each for each in page if _value(each, "0020000E") not in seen]
        seen |= {_value(each, "0020000E") for each in fresh}
        yield from fresh
        if len(page) < _PAGE or not fresh:
            return
        offset += len(page)


def _series(client: Any, address: str, found: Mapping[str, Any], modality: str, single: bool, several: bool) -> list[Series]:
    """The series, or its images one by one; the UIDs of its images are the mark of its content."""
    study, uid = _value(found, "0020000D"), _value(found, "0020000E")
    images = sorted(_value(each, "00080018") for each in client.search_for_instances(study, uid))
    if not images:
        return []
    tags: dict[str, str] = {"SeriesDescription": _value(found, "0008103E")}
    frames = len(images)
    if several or len(images) == 1:
        metadata = client.retrieve_instance_metadata(study, uid, images[0])
        header = _as_dataset(metadata)
        tags |= {keyword: _text(header.get(keyword)) for keyword in TAGS if header.get(keyword) is not None}
        frames = max(frames, int(header.get("NumberOfFrames", 1) or 1))
    base = f"{address}/studies/{study}/series/{uid}"
    localizer = "LOCALIZER" in tags.get("ImageType", "")
    if single:
        return [Series(study, each, modality, 1, Source(url=f"{base}/instances/{each}", mark=each), tags) for each in images]
    mark = hashlib.sha256("/".join(images).encode()).hexdigest()
    return [Series(study, uid, modality, frames, Source(url=base, mark=mark), tags, localizer)]


def _as_dataset(metadata: Any) -> Any:
    from pydicom.dataset import Dataset

    return metadata if isinstance(metadata, Dataset) else Dataset.from_json(dict(metadata))


def _text(value: Any) -> str:
    return "\\".join(map(str, value)) if type(value).__name__ in ("MultiValue", "list", "tuple") else str(value)


def _value(attributes: Mapping[str, Any], tag: str) -> str:
    """The first value of an attribute in DICOM JSON; "" without one."""
    values = attributes.get(tag, {}).get("Value") or [""]
    return str(values[0])


def _host(address: str) -> str:
    """The server as it may be named: without a password that somebody wrote into the address."""
    return f"The DICOMweb server {urlsplit(address).hostname or address}"
