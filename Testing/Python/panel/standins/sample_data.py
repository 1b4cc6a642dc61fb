"""SampleData: keeps what modules register and runs their own downloaders; never downloads."""

from __future__ import annotations

from dataclasses import dataclass, field

import slicer


@dataclass
class SampleDataSource:
    """One registered sample; values that Slicer allows to be lists become lists."""

    sampleName: str | None = None
    sampleDescription: str | None = None
    uris: list | str | None = None
    fileNames: list | str | None = None
    nodeNames: list | str | None = None
    checksums: list | str | None = None
    loadFiles: list | bool | None = None
    customDownloader: object = None
    thumbnailFileName: str | None = None
    loadFileTypes: list | str | None = None
    loadFileProperties: dict | None = None
    loadFileType: str | None = None
    _lists: tuple[str, ...] = field(default=("uris", "fileNames", "nodeNames", "checksums", "loadFiles", "loadFileTypes"), repr=False)

    def __post_init__(self):
        count = len(self.uris) if isinstance(self.uris, list) else 1
        for name in self._lists:
            value = getattr(self, name)
            setattr(self, name, value if isinstance(value, list) else [value] * count)
        if any(len(getattr(self, name)) != count for name in self._lists):
            raise ValueError(f"sample data '{self.sampleName}': uris, fileNames, nodeNames, … need the same length")


def _sources() -> dict[str, list[SampleDataSource]]:
    if not hasattr(slicer.modules, "sampleDataSources"):
        slicer.modules.sampleDataSources = {}
    return slicer.modules.sampleDataSources


class SampleDataLogic:
    def __init__(self, logMessage=None):
        self.logMessage = logMessage

    @staticmethod
    def registerCustomSampleDataSource(
        category="Custom",
        sampleName=None,
        uris=None,
        fileNames=None,
        nodeNames=None,
        customDownloader=None,
        thumbnailFileName=None,
        loadFileTypes=None,
        loadFiles=None,
        loadFileProperties=None,
        checksums=None,
        loadFileType=None,
    ) -> None:
        source = SampleDataSource(
            sampleName=sampleName,
            uris=uris,
            fileNames=fileNames,
            nodeNames=nodeNames,
            checksums=checksums,
            loadFiles=loadFiles,
            customDownloader=customDownloader,
            thumbnailFileName=thumbnailFileName,
            loadFileTypes=loadFileTypes or loadFileType,
            loadFileProperties=loadFileProperties or {},
        )
        if not SampleDataLogic.isSampleDataSourceRegistered(category, source):
            _sources().setdefault(category, []).append(source)

    @staticmethod
    def registerCustomSampleDataCategory(category: str, title: str) -> None:
        _sources().setdefault(category, [])

    @staticmethod
    def sampleDataSourcesByCategory(category=None):
        return _sources() if category is None else _sources().get(category, [])

    @staticmethod
    def isSampleDataSourceRegistered(category: str, sampleDataSource: SampleDataSource) -> bool:
        return sampleDataSource in _sources().get(category, [])

    def sourceForSampleName(self, sampleName: str) -> SampleDataSource | None:
        return next((s for sources in _sources().values() for s in sources if s.sampleName == sampleName), None)

    def downloadFromSource(self, source: SampleDataSource, maximumAttemptsCount: int = 3, forceDownload: bool = False):
        if source.customDownloader is None:
            raise NotImplementedError(f"sample data '{source.sampleName}' would be downloaded from {source.uris}")
        return source.customDownloader(source)

    def downloadSamples(self, sampleName: str):
        source = self.sourceForSampleName(sampleName)
        if source is None:
            raise ValueError(f"no sample data '{sampleName}'")
        return self.downloadFromSource(source)

    downloadSample = downloadSamples


def downloadSample(sampleName: str):
    return SampleDataLogic().downloadSample(sampleName)


def downloadSamples(sampleName: str):
    return SampleDataLogic().downloadSamples(sampleName)
