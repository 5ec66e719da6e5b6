"""Builds the quickstart's raw material: web archives of real manuals in Japanese and English, and real program code.

The text comes from three Debian packages, downloaded by name with `apt-get download` and unpacked here without being installed
(libreoffice-help-ja, libreoffice-help-en-us: MPL-2.0; apache2-doc: Apache-2.0), and from Python's standard library (PSF-2.0).
With --text DIR a directory of one's own is used instead: DIR/ja and DIR/en with HTML files, DIR/code with program code.
"""

from __future__ import annotations

import argparse
import io
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

PACKAGES = ["libreoffice-help-ja", "libreoffice-help-en-us", "apache2-doc"]
OWN_TEXT = "give a directory of your own instead: TANREN_TEXT=DIR make quickstart, with HTML files in DIR/ja and DIR/en and code in DIR/code."


def unpack_packages(directory: Path) -> Path:
    """Downloads and unpacks the packages once; returns the root of their files."""
    root = directory / "unpacked"
    marker = directory / "unpacked.complete"
    if marker.exists():
        return root
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            sys.exit(f"{tool} is not on this machine, so the manuals cannot be downloaded; {OWN_TEXT}")
    directory.mkdir(parents=True, exist_ok=True)
    for package in PACKAGES:
        if not list(directory.glob(f"{package}_*.deb")):
            download(package, directory)
        (archive,) = directory.glob(f"{package}_*.deb")
        subprocess.run(["dpkg-deb", "-x", str(archive), str(root)], check=True)
    marker.touch()
    return root


def download(package: str, directory: Path) -> None:
    """`apt-get download` by name; where the package lists are missing or old, they are updated in a folder of our own first."""
    if subprocess.run(["apt-get", "-qq", "download", package], cwd=directory, capture_output=True).returncode == 0:
        return
    lists = directory / "lists"
    (lists / "partial").mkdir(parents=True, exist_ok=True)
    options = ["-qq", "-o", f"Dir::State::lists={lists.resolve()}", "-o", f"Dir::Cache={directory.resolve()}"]
    subprocess.run(["apt-get", *options, "update"], capture_output=True)
    again = subprocess.run(["apt-get", *options, "download", package], cwd=directory, capture_output=True, text=True)
    if again.returncode != 0:
        sys.exit(f"apt-get cannot download {package}: {again.stderr.strip().splitlines()[-1] if again.stderr.strip() else 'no reason given'}; {OWN_TEXT}")


def manual_pages(root: Path, language: str) -> Iterator[tuple[str, bytes]]:
    """(URL, HTML) of every manual page in a language, in a fixed order."""
    help_language = {"ja": "ja", "en": "en-US"}[language]
    help_pages = root / "usr/share/libreoffice/help" / help_language / "text"
    server_pages = root / "usr/share/doc/apache2-doc/manual" / language
    for host, pages in (("help.example", help_pages), ("httpd.example", server_pages)):
        for path in sorted(pages.rglob("*.html")):
            yield f"https://{host}/{language}/{path.relative_to(pages).as_posix()}", path.read_bytes()


def own_pages(directory: Path, language: str) -> Iterator[tuple[str, bytes]]:
    for path in sorted((directory / language).rglob("*.htm*")):
        yield f"https://own.example/{language}/{path.relative_to(directory).as_posix()}", path.read_bytes()


def write_warc(path: Path, pages: Iterator[tuple[str, bytes]]) -> int:
    """One gzip member per response record, as crawlers write them. Returns the number of pages."""
    temporary = path.with_suffix(".tmp")
    count = 0
    with temporary.open("wb") as file:
        writer = WARCWriter(file, gzip=True)
        for url, html in pages:
            headers = StatusAndHeaders("200 OK", [("Content-Type", "text/html; charset=utf-8")], protocol="HTTP/1.1")
            # A fixed date: the same pages give the same archive, and so the same digests downstream.
            date = {"WARC-Date": "2026-01-01T00:00:00Z"}
            record = writer.create_warc_record(url, "response", payload=io.BytesIO(html), http_headers=headers, warc_headers_dict=date)
            writer.write_record(record)
            count += 1
    os.replace(temporary, path)
    return count


def copy_code(source: Path, target: Path, limit_bytes: int) -> int:
    """Copies program files in a fixed order up to a limit; tests and other people's packages are left out."""
    shutil.rmtree(target, ignore_errors=True)
    copied = total = 0
    for path in sorted(source.rglob("*.py")):
        relative = path.relative_to(source)
        if {"test", "tests", "site-packages", "idlelib", "__pycache__"} & set(relative.parts) or total > limit_bytes:
            continue
        (target / relative).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target / relative)
        total += path.stat().st_size
        copied += 1
    return copied


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True, help="directory that the data goes to")
    parser.add_argument("--text", type=Path, help="directory of one's own text instead of the Debian packages")
    arguments = parser.parse_args()

    output: Path = arguments.output
    marker = output / "complete"
    if marker.exists():
        return
    (output / "web").mkdir(parents=True, exist_ok=True)
    root = None if arguments.text else unpack_packages(output / "packages")
    for language in ("ja", "en"):
        pages = manual_pages(root, language) if root else own_pages(arguments.text, language)
        count = write_warc(output / "web" / f"{language}.warc.gz", pages)
        if count == 0:
            sys.exit(f"no {language} page was found; {OWN_TEXT}")
        print(f"{count} {language} pages -> {output / 'web' / f'{language}.warc.gz'}")
    code = arguments.text / "code" if arguments.text else Path(sysconfig.get_path("stdlib"))
    print(f"{copy_code(code, output / 'code', 6_000_000)} program files -> {output / 'code'}")
    marker.touch()


if __name__ == "__main__":
    main()
