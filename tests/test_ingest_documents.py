"""Reading documents: encodings, endings, and everything that is no text."""

from __future__ import annotations

import builtins
import zipfile
from pathlib import Path
from typing import Any

import pytest

from interviewer.domain.errors import DocumentError
from interviewer.ingest import documents
from interviewer.ingest.documents import read_document
from interviewer.ingest.parse import parse_document

TEXT = "## 1. 什么是缓存穿透？\n\n答案：查询的数据在缓存和数据库里都不存在。\n"


def saved(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "gbk", "gb18030"])
def test_usual_encodings_read_alike(tmp_path: Path, encoding: str) -> None:
    document = read_document(saved(tmp_path / "题 库.v2.md", TEXT.encode(encoding)))
    assert document.text == TEXT
    assert document.name == "题 库.v2"
    assert document.doubts == ()


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("latin-1", "Qu'est-ce qu'une clé étrangère ? Une clé étrangère référence une autre table. "),
        ("big5", "什麼是快取穿透？查詢的資料在快取和資料庫裡都不存在，每次都會打到資料庫。"),
    ],
)
def test_other_encodings_are_guessed_and_said_to_be_a_guess(tmp_path: Path, encoding: str, text: str) -> None:
    document = read_document(saved(tmp_path / "a.txt", (text * 20).encode(encoding)))
    assert document.text == (text * 20)
    assert "guess" in document.doubts[0]


def test_line_ends_become_newlines(tmp_path: Path) -> None:
    assert read_document(saved(tmp_path / "a.txt", b"a\r\nb\rc\n")).text == "a\nb\nc\n"


def test_a_few_broken_characters_are_named_with_their_line(tmp_path: Path) -> None:
    document = read_document(saved(tmp_path / "a.txt", "一行\n两行".encode() + b"\xff\n" + "三行".encode() * 200))
    assert document.text.startswith("一行\n两行\ufffd\n")
    assert "line 2" in document.doubts[0]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b" \n\t\n", "empty"),
        ("\ufeff".encode(), "empty"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(256)) * 9, "no text file"),
        (b"text\x00text", "no text file"),
        (b"\x01\x02\x03\x04" * 50, "no text file"),
    ],
)
def test_what_is_no_text_is_refused(tmp_path: Path, data: bytes, words: str) -> None:
    with pytest.raises(DocumentError, match=words):
        read_document(saved(tmp_path / "a.md", data))


def test_missing_folder_and_oversized_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DocumentError, match="no such file"):
        read_document(tmp_path / "gone.md")
    with pytest.raises(DocumentError, match="folder"):
        read_document(tmp_path)
    monkeypatch.setattr(documents, "MAX_BYTES", 10)
    with pytest.raises(DocumentError, match="limit"):
        read_document(saved(tmp_path / "a.md", b"x" * 11))


def test_html_is_converted_without_the_network(tmp_path: Path) -> None:
    pytest.importorskip("markitdown")
    page = (
        "<html><body><h2>1. What is a lock?</h2><p>Mutual exclusion.</p><img src='http://example.invalid/a.png'></body></html>"
    )
    document = read_document(saved(tmp_path / "a.html", page.encode()))
    assert "## 1. What is a lock?" in document.text
    assert "converted from HTML" in document.notes


def test_docx_is_converted(tmp_path: Path) -> None:
    pytest.importorskip("markitdown")
    pytest.importorskip("mammoth")
    path = tmp_path / "a.docx"
    word = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            "[Content_Types].xml",
            '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
            '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            '<Override PartName="/word/document.xml" '
            'ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>',
        )
        archive.writestr(
            "_rels/.rels",
            '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" '
            'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" '
            'Target="word/document.xml"/></Relationships>',
        )
        paragraphs = "".join(
            f"<w:p><w:r><w:t>{t}</w:t></w:r></w:p>" for t in ("Q: 什么是锁？", "A: 锁让同一时刻只有一个线程进入临界区。")
        )
        archive.writestr("word/document.xml", f'<w:document xmlns:w="{word}"><w:body>{paragraphs}</w:body></w:document>')
    assert "什么是锁？" in read_document(path).text


def a_pdf(lines: list[str]) -> bytes:
    """A one-page PDF with one line of Chinese or English text below the other, in a font that every reader knows."""
    text = " ".join(f"1 0 0 1 60 {760 - 24 * n} Tm <{line.encode('utf-16-be').hex()}> Tj" for n, line in enumerate(lines))
    content = f"BT /F1 12 Tf {text} ET"
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
        f"<< /Length {len(content)} >>\nstream\n{content}\nendstream",
        "<< /Type /Font /Subtype /Type0 /BaseFont /STSong-Light /Encoding /UniGB-UCS2-H /DescendantFonts [6 0 R] >>",
        "<< /Type /Font /Subtype /CIDFontType0 /BaseFont /STSong-Light /DW 1000 /FontDescriptor 7 0 R "
        "/CIDSystemInfo << /Registry (Adobe) /Ordering (GB1) /Supplement 2 >> >>",
        "<< /Type /FontDescriptor /FontName /STSong-Light /Flags 6 /FontBBox [-25 -254 1000 880] /ItalicAngle 0 "
        "/Ascent 880 /Descent -120 /CapHeight 880 /StemV 93 >>",
    ]
    out, places = "%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n"
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    size = len(objects) + 1
    out += f"xref\n0 {size}\n0000000000 65535 f \n{table}trailer << /Size {size} /Root 1 0 R >>\nstartxref\n{len(out)}\n%%EOF\n"
    return out.encode("ascii")


def test_questions_of_a_pdf(tmp_path: Path) -> None:
    pytest.importorskip("markitdown")
    lines = [
        "问题：什么是锁？",
        "答案：锁让同一时刻只有一个线程进入临界区。",
        "Q: What is a deadlock?",
        "A: Threads wait for each other.",
    ]
    found = parse_document(read_document(saved(tmp_path / "a.pdf", a_pdf(lines))))
    assert [(q.text, q.answer) for q in found] == [
        ("什么是锁？", "锁让同一时刻只有一个线程进入临界区。"),
        ("What is a deadlock?", "Threads wait for each other."),
    ]


def test_a_broken_pdf_is_refused_in_one_line(tmp_path: Path) -> None:
    pytest.importorskip("markitdown")
    with pytest.raises(DocumentError) as caught:
        read_document(saved(tmp_path / "a.pdf", b"%PDF-1.4 broken"))
    assert "\n" not in str(caught.value)


def test_without_the_converter_the_message_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.split(".")[0] == "markitdown":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(DocumentError, match=r"pip install 'interviewer\[documents\]'"):
        read_document(saved(tmp_path / "a.pdf", b"%PDF"))
