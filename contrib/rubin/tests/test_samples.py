"""Real exports: where they come from, and that each of them is understood."""

import subprocess

import pytest

from butler_core import DimensionUniverse
from butler_core.errors import IncompatibleError, InvalidInputError, NotFoundError, UnavailableError
from butler_core.models.timespan import Timespan
from butler_rubin import samples
from butler_rubin.reader import DafButlerYamlReader
from butler_rubin.samples import SAMPLES, sample_export


def read(name, version=None):
    universe = DimensionUniverse.load("rubin", version)
    path = sample_export(name)
    reader = DafButlerYamlReader()
    assert reader.matches(str(path), path.read_bytes()[:4096])
    (chunk,) = reader.read(str(path), universe)
    return chunk


@pytest.mark.parametrize("version", [6, 7, 8])
@pytest.mark.parametrize("name", SAMPLES)
def test_every_sample_can_be_read_into_every_version(name, version):
    if (name, version) == ("lsstcam-subset.yaml", 6):
        with pytest.raises(IncompatibleError, match="can_see_sky"):
            read(name, version)
    else:
        read(name, version)


def test_real_visits():
    chunk = read("ci_hsc-subset")
    insertions = chunk.batch.dimension_insertions
    assert {name: len(insertion.records) for name, insertion in insertions.items()} == {
        "instrument": 1,
        "physical_filter": 2,
        "detector": 16,
        "day_obs": 2,
        "visit": 11,
        "visit_detector_region": 33,
    }
    assert len(chunk.batch.dataset_insertions) == len(chunk.files) == 33
    night = insertions["day_obs"].records["HSC", 20130617]
    assert night["timespan"] == Timespan.from_iso("2013-06-17", "2013-06-18").to_raw()


def test_records_from_before_groups_and_nights():
    insertions = read("hsc-rc2-subset-v0").batch.dimension_insertions
    assert insertions["group"].records == {("HSC", "903342"): {"instrument": "HSC", "group": "903342"}}
    assert sorted(key[1] for key in insertions["day_obs"].records) == [20130617, 20141118, 20150318]
    assert set(insertions["visit_system_membership"].records) == {("HSC", 11690, 0), ("HSC", 23868, 0)}


def test_the_cache_is_used(tmp_path, monkeypatch):
    folder = tmp_path / f"lsst-daf-butler-{samples.VERSION}"
    folder.mkdir()
    (folder / "base.yaml").write_text("kept")
    monkeypatch.setenv("BUTLER_TEST_CACHE", str(tmp_path))
    assert sample_export("base").read_text() == "kept"
    assert sample_export("base.yaml", tmp_path) == folder / "base.yaml"


def test_where_the_cache_is(monkeypatch, tmp_path):
    monkeypatch.delenv("BUTLER_TEST_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert samples._default_cache() == tmp_path / "butler"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert samples._default_cache() == tmp_path / ".cache" / "butler"


def test_unknown_samples():
    with pytest.raises(NotFoundError, match=r"no sample 'more\.yaml'") as caught:
        sample_export("more")
    assert "ci_hsc-subset.yaml" in caught.value.remedy


def fake_download(requirements, scratch, filled):
    assert f"sha256:{samples.SHA256}" in requirements.read_text()
    for name in SAMPLES:
        (filled / name).write_text(name)


def test_a_download_that_fails_is_tried_again(tmp_path, monkeypatch):
    attempts = []

    def flaky(*paths):
        attempts.append(paths)
        if len(attempts) < 3:
            raise subprocess.CalledProcessError(1, "pip", stderr="no route to host")
        fake_download(*paths)

    monkeypatch.setattr(samples, "_choose_downloader", lambda: flaky)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    assert sample_export("base", tmp_path).read_text() == "base.yaml"
    assert len(attempts) == 3
    assert [path.name for path in tmp_path.iterdir()] == [f"lsst-daf-butler-{samples.VERSION}"]


def test_a_download_that_keeps_failing(tmp_path, monkeypatch):
    def fail(*paths):
        raise subprocess.CalledProcessError(1, "pip", stderr="no route to host\n")

    monkeypatch.setattr(samples, "_choose_downloader", lambda: fail)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    with pytest.raises(UnavailableError, match="could not be downloaded: no route to host"):
        sample_export("base", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_somebody_else_was_faster(tmp_path, monkeypatch):
    def slow(requirements, scratch, filled):
        fake_download(requirements, scratch, filled)
        theirs = tmp_path / f"lsst-daf-butler-{samples.VERSION}"
        theirs.mkdir()
        for name in SAMPLES:
            (theirs / name).write_text("theirs")

    monkeypatch.setattr(samples, "_choose_downloader", lambda: slow)
    assert sample_export("base", tmp_path).read_text() == "theirs"


def test_an_incomplete_cache_is_filled_again(tmp_path, monkeypatch):
    folder = tmp_path / f"lsst-daf-butler-{samples.VERSION}"
    folder.mkdir()
    (folder / "spatial.yaml").write_text("left over")
    monkeypatch.setattr(samples, "_choose_downloader", lambda: fake_download)
    assert sample_export("base", tmp_path).read_text() == "base.yaml"


def test_with_neither_pip_nor_uv(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(IncompatibleError, match="no pip to fetch it with") as caught:
        sample_export("base", tmp_path)
    assert "uv" in caught.value.remedy
    monkeypatch.setattr("shutil.which", lambda name: "/bin/uv")
    assert samples._choose_downloader() is samples._download_with_uv


def test_a_cache_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInputError, match="Samples cannot be kept"):
        sample_export("base", tmp_path / "file" / "cache")
