"""Choosing a model: the table of suggestions, the doctor's words, and downloads that resume, stop, fit the disk and then stay here."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from interviewer.cli.doctor_models import cache_contents, explain, fetch
from interviewer.config import load_settings
from interviewer.domain.errors import EngineUnavailable
from interviewer.engines import TransformersEngine, load_engine
from interviewer.engines.catalogue import fits, models, suggest, tiers
from interviewer.engines.download import DownloadCancelled, Progress, download_model
from interviewer.engines.hardware import GIB, Hardware, cores, plan
from interviewer.engines.locate import find_cached, find_model
from interviewer.engines.thinking import SWITCHES
from interviewer.ports import ChatRequest, Message
from tests.hub_server import CHUNK, COMMIT, FakeHub, fake_hub
from tests.tiny_models import build_tiny_model

NAME = "someone/tiny-instruct"


def machine(free: float, threads: int = 8, device: Any = "cpu") -> Hardware:
    return Hardware(device, "a machine", 1, int(free * GIB), int(free * GIB), True, threads)


# ---------------------------------------------------------------- the table


@pytest.mark.parametrize("model", models(), ids=lambda model: model.name)
def test_every_suggested_model_is_open_known_to_transformers_and_can_be_kept_from_thinking(model: Any) -> None:
    from transformers import AutoModelForCausalLM
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    assert model.licence in ("Apache-2.0", "MIT")
    assert model.thinking is None or SWITCHES[model.thinking] is False
    assert CONFIG_MAPPING[model.architecture] in AutoModelForCausalLM._model_mapping
    assert 0 < model.active <= model.parameters
    assert model.context >= 32_000
    assert model.memory()["bfloat16"] < model.memory()["float32"]


@pytest.mark.parametrize("device", ["cpu", "cuda", "mps"])
def test_a_tiers_model_fits_the_smallest_machine_of_the_tier(device: str) -> None:
    ladder = tiers(device)
    for tier in ladder:
        smallest = Hardware(device, "m", 1, tier.free, 0 if device == "cuda" else tier.free, True, tier.cores)  # type: ignore[arg-type]
        assert plan(tier.model.parameters, smallest).dtype in ("bfloat16", "float32")
        assert suggest(smallest).tier == tier
    sizes = [tier.model.parameters for tier in ladder]
    assert sizes == sorted(sizes)
    assert [tier.free for tier in ladder] == sorted(tier.free for tier in ladder)


def test_memory_and_cores_decide() -> None:
    def name(hardware: Hardware) -> str | None:
        model = suggest(hardware).model
        return model.name if model else None

    assert name(machine(1)) is None
    assert name(machine(30, threads=2)) == "Qwen/Qwen3-0.6B"
    assert name(machine(30, threads=4)) == "Qwen/Qwen3-1.7B"
    assert name(machine(30, threads=16)) == "Qwen/Qwen3-4B-Instruct-2507"
    assert name(machine(22, threads=2, device="cuda")) == "Qwen/Qwen3-8B"
    assert name(machine(139, device="cuda")) == "Qwen/Qwen3-32B"


def test_a_model_that_cannot_run_does_not_fit() -> None:
    small, *_, big = models()
    assert fits(small, machine(4))
    assert not fits(big, machine(4))


def test_cores_are_counted() -> None:
    assert cores() >= 1


# ---------------------------------------------------------------- the doctor's words


def test_the_suggestion_says_what_why_and_how() -> None:
    told = explain(suggest(machine(12, threads=4)), cached=[])
    for part in (
        "Qwen/Qwen3-1.7B",
        "Apache-2.0",
        "12.0 GiB of memory free",
        "4 cores",
        "its tier asks for 4.5 GiB and 4 cores",
    ):
        assert part in told
    assert "float32 on the CPU" in told
    assert "the next, Qwen/Qwen3-4B-Instruct-2507, asks for 10 GiB and 8 cores" in told
    assert "not in the cache, about 3.4 GB to fetch" in told
    assert told.endswith("interviewer serve --model Qwen/Qwen3-1.7B --download")


def test_what_is_in_the_cache_is_not_fetched_again() -> None:
    told = explain(suggest(machine(12, threads=4)), cached=["Qwen/Qwen3-1.7B", "Qwen/Qwen3-0.6B"])
    assert told.endswith("in the cache; to use it: interviewer serve --model Qwen/Qwen3-1.7B")
    assert "--download" not in told
    smaller = explain(suggest(machine(12, threads=4)), cached=["Qwen/Qwen3-0.6B", "Qwen/Qwen3-32B"])
    assert smaller.endswith("in the cache already, and runs here: interviewer serve --model Qwen/Qwen3-0.6B")


def test_a_machine_too_small_is_told_so() -> None:
    told = explain(suggest(machine(1)), cached=[])
    assert told.startswith("none: there are 1.0 GiB of memory free")
    assert "Qwen/Qwen3-0.6B, asks for 2 GiB" in told
    assert "built-in interviewer needs no model" in told


# ---------------------------------------------------------------- downloading


@pytest.fixture(scope="module")
def model_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = build_tiny_model(tmp_path_factory.mktemp("model"))
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    extra = {"README.md": b"# tiny", "onnx/model.onnx": b"0" * 999, "consolidated.safetensors": b"0" * 999, "model.gguf": b"0"}
    return {**files, **extra}


@pytest.fixture
def hub(model_files: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    with fake_hub(NAME, dict(model_files), tmp_path / "cache", monkeypatch) as running:
        yield running


def go_offline(monkeypatch: pytest.MonkeyPatch, hub: FakeHub) -> None:
    from huggingface_hub import constants
    from huggingface_hub.utils import close_session

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    close_session()
    hub.requests.clear()


def partial_files(hub: FakeHub) -> list[Path]:
    return list(hub.cache.rglob("*.incomplete"))


def test_a_download_brings_what_is_needed_and_then_everything_works_offline(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen: list[Progress] = []
    folder = download_model(NAME, seen.append)
    assert folder.name == COMMIT
    there = {path.name for path in folder.rglob("*") if path.is_file()}
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= there
    assert not there & {"README.md", "model.onnx", "consolidated.safetensors", "model.gguf"}
    assert [step.done for step in seen] == sorted(step.done for step in seen)
    assert len(seen) > 20
    assert seen[-1].share == 1.0
    assert str(seen[-1]).startswith("100%")
    assert partial_files(hub) == []

    go_offline(monkeypatch, hub)
    found = find_cached(NAME)
    assert found is not None
    assert found.revision == COMMIT
    engine = load_engine(load_settings({}, model=NAME, data=tmp_path))
    assert engine.info.model == NAME
    assert isinstance("".join(engine.stream(ChatRequest((Message("user", "你好"),), max_tokens=5))), str)
    engine.close()
    assert hub.requests == []


def test_nothing_is_asked_of_the_hub_without_being_asked_for(hub: FakeHub) -> None:
    with pytest.raises(EngineUnavailable, match=rf"interviewer doctor --model {NAME} --download"):
        find_model(NAME)
    assert find_cached(NAME) is None
    assert hub.requests == []


@pytest.mark.parametrize("ignore_ranges", [False, True])
def test_a_stopped_download_goes_on_from_where_it_was(hub: FakeHub, ignore_ranges: bool) -> None:
    size = len(hub.files["model.safetensors"])
    reached: list[int] = []
    with pytest.raises(DownloadCancelled, match="stopped"):
        download_model(NAME, lambda step: reached.append(step.done), lambda: len(reached) > 20)
    (left,) = partial_files(hub)
    begun = left.stat().st_size
    assert 15 * CHUNK < begun < size
    with pytest.raises(EngineUnavailable, match="nothing is downloaded"):
        find_model(NAME)

    hub.ignore_ranges = ignore_ranges
    again: list[Progress] = []
    folder = download_model(NAME, again.append)
    assert (folder / "model.safetensors").read_bytes() == hub.files["model.safetensors"]
    assert hub.fetched("model.safetensors") == ["", f"bytes={begun}-"]
    assert again[0].done >= begun
    assert partial_files(hub) == []


def test_ctrl_c_keeps_what_has_come(hub: FakeHub, tmp_path: Path) -> None:
    out = io.StringIO()

    def interrupt(self: object, progress: Progress) -> None:
        if progress.done > 20 * CHUNK:
            raise KeyboardInterrupt

    settings = load_settings({}, model=NAME, data=tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("interviewer.cli.doctor_models._ProgressLine.show", interrupt)
        with pytest.raises(KeyboardInterrupt):
            fetch(settings.model, out=out)
    assert "the same command goes on from there" in out.getvalue()
    (left,) = partial_files(hub)
    assert left.stat().st_size > 20 * CHUNK
    assert cache_contents(settings).startswith(f"{NAME} (not all of it) in the hub cache")
    fetch(settings.model, out=out)
    assert "100%" in out.getvalue()
    assert cache_contents(settings).startswith(f"{NAME} in the hub cache")


def test_a_dropped_connection_is_taken_up_again(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    hub.drop_after["model.safetensors"] = 40 * CHUNK
    folder = download_model(NAME)
    assert (folder / "model.safetensors").read_bytes() == hub.files["model.safetensors"]
    assert len(hub.fetched("model.safetensors")) == 2


def test_a_damaged_file_is_not_kept(hub: FakeHub) -> None:
    whole = hub.files["model.safetensors"]
    hub.serve_instead["model.safetensors"] = bytes(len(whole))
    with pytest.raises(EngineUnavailable, match="arrived damaged"):
        download_model(NAME)
    assert partial_files(hub) == []
    hub.serve_instead.clear()
    assert (download_model(NAME) / "model.safetensors").read_bytes() == whole


def test_a_full_disk_is_said_before_anything_is_fetched(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(100, 50, 50))
    with pytest.raises(EngineUnavailable, match=r"needs 0\.0 GB more on the disk.*make room"):
        download_model(NAME)
    assert hub.fetched("model.safetensors") == []


def test_a_second_download_at_the_same_time_is_refused(hub: FakeHub) -> None:
    refused: list[str] = []

    def meanwhile(_: Progress) -> None:
        if not refused:
            with pytest.raises(EngineUnavailable) as caught:
                download_model(NAME)
            refused.append(str(caught.value))

    download_model(NAME, meanwhile)
    assert refused == [f"{NAME} is already being downloaded by another process"]


@pytest.mark.parametrize(
    ("status", "told"), [(404, "knows no model"), (403, "licence to be accepted"), (500, "could not download")]
)
def test_refusals_are_one_clear_line(hub: FakeHub, status: int, told: str) -> None:
    hub.status = status
    with pytest.raises(EngineUnavailable, match=told) as caught:
        download_model(NAME)
    assert "\n" not in str(caught.value)


def test_a_repository_without_weights(hub: FakeHub) -> None:
    del hub.files["model.safetensors"]
    with pytest.raises(EngineUnavailable, match="holds no weights"):
        download_model(NAME)


def test_a_missing_part_of_the_weights_is_noticed_and_fetched(hub: FakeHub) -> None:
    """A sharded model of which one file is gone: named offline, mended by a download."""
    hub.files["model-00001-of-00002.safetensors"] = hub.files.pop("model.safetensors")
    hub.files["model-00002-of-00002.safetensors"] = b"\x02\x00\x00\x00\x00\x00\x00\x00{}"
    hub.files["model.safetensors.index.json"] = (
        b'{"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}'
    )
    folder = download_model(NAME)
    gone = folder / "model-00002-of-00002.safetensors"
    gone.resolve().unlink()
    gone.unlink()
    with pytest.raises(
        EngineUnavailable, match=r"only partly in the model cache \(model-00002-of-00002.safetensors is missing\)"
    ):
        find_model(NAME)
    assert find_cached(NAME) is None
    assert find_model(NAME, allow_download=True).parameters > 0
    assert gone.exists()


def test_a_folder_that_lacks_a_part_of_its_weights(tmp_path: Path) -> None:
    folder = build_tiny_model(tmp_path / "model")
    (folder / "model.safetensors.index.json").write_text('{"weight_map": {"a": "model-00002-of-00002.safetensors"}}')
    with pytest.raises(EngineUnavailable, match=r"model-00002-of-00002\.safetensors is missing"):
        TransformersEngine(str(folder))
