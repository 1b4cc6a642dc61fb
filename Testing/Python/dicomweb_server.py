"""A small DICOMweb server on the loopback interface: QIDO-RS for series and instances, WADO-RS for series, instances and metadata.

Written from DICOM PS3.18 (sections 10.4 and 10.6); dicomweb-client, which tests use it with, is strict about what it gets.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from pydicom import dcmread

_SERIES = ("StudyInstanceUID", "SeriesInstanceUID", "Modality", "SeriesDescription")
_INSTANCE = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID")


class _Store:
    def __init__(self, folder: Path) -> None:
        self.instances = []
        for path in sorted(each for each in folder.rglob("*.dcm")):
            self.instances.append((dcmread(path, stop_before_pixels=True), path))

    def find(self, study: str = "", series: str = "", instance: str = "") -> list:
        return [
            (header, path)
            for header, path in self.instances
            if (not study or header.StudyInstanceUID == study)
            and (not series or header.SeriesInstanceUID == series)
            and (not instance or header.SOPInstanceUID == instance)
        ]


class _Handler(BaseHTTPRequestHandler):
    store: _Store
    token = ""
    asked: list[str]

    def log_message(self, *_arguments) -> None:
        pass

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(address.query).items()}
        self.asked.append(self.path)
        if self.token and self.headers.get("Authorization") != self.token:
            self._send(401, b"", "text/plain")
        elif address.path == "/dicom-web/series":
            self._series(query)
        elif match := re.fullmatch(r"/dicom-web/studies/([\d.]+)/series/([\d.]+)/instances", address.path):
            found = self.store.find(*match.groups())
            self._json([_subset(header, _INSTANCE) for header, _path in found])
        elif match := re.fullmatch(r"/dicom-web/studies/([\d.]+)/series/([\d.]+)/instances/([\d.]+)/metadata", address.path):
            self._json([_metadata(header) for header, _path in self.store.find(*match.groups())])
        elif match := re.fullmatch(r"/dicom-web/studies/([\d.]+)/series/([\d.]+)(?:/instances/([\d.]+))?", address.path):
            self._multipart([path.read_bytes() for _header, path in self.store.find(*(each or "" for each in match.groups()))])
        else:
            self._send(404, b"", "text/plain")

    def _series(self, query: dict[str, str]) -> None:
        known = {}
        for header, _path in self.store.find(query.get("StudyInstanceUID", "")):
            if all(str(header.get(key, "")) == query[key] for key in ("Modality", "PatientID") if key in query):
                known.setdefault(header.SeriesInstanceUID, _subset(header, _SERIES))
        start, count = int(query.get("offset", 0)), int(query.get("limit", 10**9))
        self._json(list(known.values())[start : start + count])

    def _json(self, document: list) -> None:
        self._send(200 if document else 204, json.dumps(document).encode() if document else b"", "application/dicom+json")

    def _multipart(self, files: list[bytes]) -> None:
        if not files:
            self._send(404, b"", "text/plain")
            return
        boundary = uuid4().hex
        body = b"".join(b"--%s\r\nContent-Type: application/dicom\r\n\r\n%s\r\n" % (boundary.encode(), each) for each in files)
        self._send(200, body + b"--%s--\r\n" % boundary.encode(), f'multipart/related; type="application/dicom"; boundary={boundary}')

    def _send(self, code: int, body: bytes, kind: str) -> None:
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _subset(header, keywords) -> dict:
    return {tag: value for tag, value in header.to_json_dict().items() if any(header[tag].keyword == keyword for keyword in keywords)}


def _metadata(header) -> dict:
    return {tag: value for tag, value in header.to_json_dict().items() if tag[:4] != "0002"}


@contextmanager
def serving(folder: Path, token: str = "") -> Iterator[tuple[str, list[str]]]:
    """Serve the DICOM files of a folder.

    Yields:
        the address of the service, and a list that grows with what was asked.
    """
    handler = type("Handler", (_Handler,), {"store": _Store(folder), "token": token, "asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/dicom-web", handler.asked
    finally:
        server.shutdown()
        server.server_close()
