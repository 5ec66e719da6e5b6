"""Removes paragraphs that are no text of the page: notices of cookies and scripts, encoded data, minified
code. A text line is a paragraph here: that is what extraction makes of one.
"""

from __future__ import annotations

import re

from ..contract import ParagraphFilterConfig
from .candidate import Candidate
from .measures import ENCODED

# Longer ones have more to say than a notice, even if they mention one.
_NOTICE_CHARACTERS = 400

# What a site says of itself; an article about cookies or scripts speaks of others.
NOTICES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(?:当|本|この|弊社)(?:ウェブ|Web)?(?:サイト|ページ|サービス)[^。]{0,40}"
        r"(?:cookie|クッキー)[^。]{0,60}(?:使用|利用)して",
        r"(?:cookie|クッキー)[^。]{0,30}(?:使用|利用)に(?:同意|ご同意)",
        r"(?:cookie|クッキー)を(?:すべて)?(?:受け入れ|許可|拒否)(?:する)?$",
        r"\b(?:we|this (?:web ?)?site|our (?:web ?)?site|this page)\b[^.]{0,60}\buses? cookies\b",
        r"\b(?:accept|reject|manage|allow)(?: all| our)? cookies\b.{0,40}$",
        r"\bby (?:continuing|using|clicking)\b[^.]{0,100}\bcookies\b",
        r"\b(?:please )?(?:enable|turn on|activate) javascript\b.{0,80}$",
        r"\bjavascript (?:is|must be|has been|seems to be) (?:currently )?"
        r"(?:disabled|turned off|required|enabled)\b",
        r"(?:ブラウザ|当サイト|本サイト|このサイト|このページ)[^。]{0,40}"
        r"java ?script[^。]{0,20}(?:有効|オン|ON|無効|オフ)",
        r"^java ?script[をが](?:有効|オン|ON|無効|オフ)に?[^。]{0,30}(?:ください|下さい|なっています)",
        r"^(?:(?:この記事を)?(?:シェア|ツイート|ポスト|ブックマーク)(?:する)?|いいね！?|LINEで送る"
        r"|share(?: this)?(?: on \w+)?|tweet(?: this)?|(?:pin|like) (?:it|this))[!！]?$",
    )
)

# Texts without one of these words have no notice: most are looked at no further.
_NOTICE_HINT = re.compile(
    r"cookie|クッキー|java ?script|シェア|ツイート|ポスト|ブックマーク|いいね|LINEで送る"
    r"|share|tweet|pin it|like (?:it|this)",
    re.IGNORECASE,
)

_SCRIPT_CHARACTERS = 120
_SCRIPT_HINT = re.compile(rf"[^\n]{{{_SCRIPT_CHARACTERS}}}")
_SCRIPT_SIGNS = re.compile(r"[{}();=\[\]&|$<>!]")
_SCRIPT_WORD = re.compile(
    r"\bfunction\s*\(|\bvar \w+=|=>|\breturn\b|\.push\(|\bwindow\.|document\.|@media"
    r"|[a-z-]+:[^;{}]{1,40};[a-z-]+:"
)
_SCRIPT_SIGN_SHARE = 0.08
_ENCODED_SHARE = 0.7
_BLANK_LINES = re.compile(r"\n{3,}")


class ParagraphFilter:
    def __init__(self, config: ParagraphFilterConfig) -> None:
        self._reasons = [
            (reason, is_one, hint)
            for reason, is_one, hint, wanted in (
                ("notice", _is_notice, _NOTICE_HINT, config.notices),
                ("encoded_data", _is_encoded, ENCODED, config.encoded_data),
                ("script", _is_script, _SCRIPT_HINT, config.scripts),
            )
            if wanted
        ]

    def apply(self, candidate: Candidate) -> str:
        if candidate.language == "code":
            return ""
        reasons = [(reason, is_one) for reason, is_one, hint in self._reasons if hint.search(candidate.text)]
        if not reasons:
            return ""
        kept = []
        removed = 0
        for line in candidate.text.split("\n"):
            own = line.strip()
            reason = next((reason for reason, is_one in reasons if own and is_one(own)), None)
            if reason is None:
                kept.append(line)
            else:
                removed += 1
                candidate.counts[f"removed_paragraphs/{reason}"] += 1
        if removed:
            candidate.text = _BLANK_LINES.sub("\n\n", "\n".join(kept)).strip("\n")
        return "" if candidate.text else "nothing_left"


def _is_notice(line: str) -> bool:
    return len(line) <= _NOTICE_CHARACTERS and any(pattern.search(line) for pattern in NOTICES)


def _is_encoded(line: str) -> bool:
    return sum(map(len, ENCODED.findall(line))) > _ENCODED_SHARE * len(line)


def _is_script(line: str) -> bool:
    return (
        len(line) >= _SCRIPT_CHARACTERS
        and len(_SCRIPT_SIGNS.findall(line)) >= _SCRIPT_SIGN_SHARE * len(line)
        and _SCRIPT_WORD.search(line) is not None
    )
