"""What an element of HTML is to a reader of its text: a table of names, roles and habits of naming."""

from __future__ import annotations

import re
from dataclasses import dataclass

_VOID = frozenset(
    """area base basefont bgsound br col embed frame hr img input keygen link meta param source track wbr
    """.split()  # noqa: SIM905
)

# Roles that the walk tells apart.
(
    INLINE,
    BLOCK,
    PARAGRAPH,
    HEADING,
    LIST,
    ITEM,
    TABLE,
    ROW,
    CELL,
    PREFORMATTED,
    QUOTE,
    CODE,
    LINK,
    BREAK,
    RULE,
    READING,
    PARENTHESIS,
    NOT_TEXT,
) = range(18)

_ROLES = {
    PARAGRAPH: "p",
    HEADING: "h1 h2 h3 h4 h5 h6",
    LIST: "ul ol menu dir",
    ITEM: "li",
    TABLE: "table",
    ROW: "tr",
    CELL: "td th",
    PREFORMATTED: "pre listing",
    QUOTE: "blockquote",
    CODE: "code kbd samp tt",
    LINK: "a",
    BREAK: "br",
    RULE: "hr",
    READING: "rt rtc",
    PARENTHESIS: "rp",
    NOT_TEXT: "script style noscript template iframe frame frameset noframes noembed object embed audio "
    "video canvas svg select option optgroup datalist textarea button input progress meter map area head "
    "title xmp plaintext dialog annotation annotation-xml",
    BLOCK: "address article aside body center dd details div dl dt fieldset figcaption figure footer form "
    "header hgroup html legend main nav search section summary tbody tfoot thead caption colgroup",
}
_ROLE_OF = {name: role for role, names in _ROLES.items() for name in names.split()}

_PLAIN = frozenset([INLINE, LINK, CODE])

# The most frequent: all they do is to end a line.
_BLOCKS = frozenset([BLOCK, PARAGRAPH])

# What the parser's writer leaves as it is, without escaping.
_RAW_TEXT = frozenset(["script", "style", "xmp", "iframe", "noembed", "noframes", "plaintext"])
_WHOLE = frozenset(["html", "body", "main", "article"])

_MAIN = re.compile(
    r"(?:^|\s)(?:(?:article|content)[_-]?body|article[_-]?text|(?:main|post|entry)[_-]?content|single-post"
    r"|mw-parser-output)(?:$|\s)",
    re.IGNORECASE,
)

# Names that site builders give to what surrounds a text, as whole words of class and id.
_AROUND = re.compile(
    r"(?:^|[\s_-])(?:"
    r"(?:global|site|main|sub|page|side|top|foot|footer|header|local|mobile|g|l|m|wp|sp|pc)?[_-]?"
    r"(?:nav|navi|navigation|navbar|menu|menubar|gnav|gnavi|lnavi|snavi)"
    r"|bread[_-]?crumbs?|pankuzu|topic[_-]?path|pager|pagination|page[_-]?nav"
    r"|side[_-]?bar|sidemenu|sidenav|widget(?:s|-area)?"
    r"|(?:global|site|page)?[_-]?foot(?:er)?|copyright|copyrights"
    r"|(?:global|site|page)[_-]?head(?:er)?"
    r"|cookie(?:s|-banner|-notice|-consent)?|consent|gdpr"
    r"|ads?|adsense|adsbygoogle|advert(?:s|isement|isements)?|sponsor(?:ed)?|promoted|banners?|pr-area"
    r"|social(?:-links|-buttons|-share)?|sns(?:-area|-btn|-buttons|-share)?|share(?:-buttons|daddy)?|sharing"
    r"|follow-us|newsletter"
    r"|related(?:[_-]?(?:posts?|articles?|links?|entries|entry|stories))?|recommend(?:ed|s)?|trending"
    r"|popular[_-]?posts?|ranking"
    r"|skip[_-]?(?:to|link|nav)(?:[_-]?content)?|page[_-]?top|back[_-]?to[_-]?top|gotop|to[_-]?top"
    r"|log[_-]?in|sign[_-]?(?:in|up)|search[_-]?(?:bar|box|form)?"
    r"|modal|popup|lightbox|carousel|tooltip|headerlink|mw-editsection|toc|noprint|print[_-]?only|linenos?|gutter"
    r")(?:$|[\s_-])",
    re.IGNORECASE,
)
_INVISIBLE_STYLE = re.compile(r"(?:^|;)\s*(?:display\s*:\s*none|visibility\s*:\s*hidden)", re.IGNORECASE)
_INVISIBLE_CLASS = re.compile(
    r"(?:^|\s)(?:display-none|d-none|hidden|invisible|visually-hidden|sr-only|screen-reader-text)(?:$|\s)"
)
_ROLES_AROUND = frozenset(
    """alert alertdialog banner complementary contentinfo dialog menu menubar navigation search searchbox
    toolbar tooltip""".split()  # noqa: SIM905
)
_ATTRIBUTE = re.compile(r'([^\s"=]+)(?:="([^"]*)")?')
_LANGUAGE_CLASS = re.compile(r"(?:^|\s)(?:language|lang|highlight-source|brush:)[-\s]?([\w+#-]+)")


@dataclass(frozen=True, slots=True)
class Element:
    """A start or end tag; of a `plain` one nothing but its text is read.

    `is_told` says that the page keeps a list of its kind, `is_trusted` that nothing can speak against it.

    `around`: its names say that it surrounds the text; `main`: that it is the text. `language` is of code,
    `number` what a numbered list or item begins with.
    """

    name: str
    closing: bool
    role: int
    plain: bool
    is_inline: bool = False
    is_link: bool = False
    is_told: bool = False
    is_block: bool = False
    is_trusted: bool = False
    void: bool = False
    raw: bool = False
    invisible: bool = False
    around: bool = False
    main: bool = False
    language: str = ""
    number: int | None = None


def describe(tag: str, telling_role: int | None = None) -> Element:
    """Of a tag as the parser's writer puts it, without the brackets: `p class="x"`, `/p`. Elements of
    `telling_role` are not plain.
    """
    if tag.startswith("/"):
        name = tag[1:]
        role = _ROLE_OF.get(name, INLINE)
        return Element(
            name,
            True,
            role,
            plain=role in _PLAIN and role != telling_role,
            is_link=role == LINK,
            is_block=role in _BLOCKS,
        )
    name, _, rest = tag.partition(" ")
    role = _ROLE_OF.get(name, INLINE)
    own = dict(_ATTRIBUTE.findall(rest)) if rest else {}
    classes = own.get("class", "")
    names = f"{classes} {own.get('id', '')}".strip() if role not in (HEADING, PARAGRAPH) else ""
    aria = own.get("role", "").strip().lower()
    invisible = "hidden" in own or bool(_INVISIBLE_STYLE.search(own.get("style", "")))
    around = (
        name in ("nav", "aside")
        or aria in _ROLES_AROUND
        or own.get("aria-hidden", "").strip() == "true"
        or bool(_INVISIBLE_CLASS.search(classes))
        or (name not in _WHOLE and bool(names and _AROUND.search(names)))
    )
    main = name == "main" or aria == "main" or bool(names and _MAIN.search(names))
    return Element(
        name,
        False,
        role,
        plain=role in _PLAIN and role != telling_role and not invisible and not around,
        is_inline=role in _PLAIN and role != telling_role and name not in _VOID,
        is_link=role == LINK,
        is_block=role in _BLOCKS,
        is_trusted=role == PARAGRAPH and not invisible and not around,
        is_told=role == HEADING or main or name == "article",
        void=name in _VOID,
        raw=name in _RAW_TEXT,
        invisible=invisible,
        around=around,
        main=main,
        language=_language(classes) if role in (PREFORMATTED, CODE) else "",
        number=_number(own.get("start" if role == LIST else "value")) if role in (LIST, ITEM) else None,
    )


def _language(classes: str) -> str:
    found = _LANGUAGE_CLASS.search(classes)
    return found.group(1) if found else ""


def _number(given: str | None) -> int | None:
    return (
        int(given)
        if given is not None and given.isascii() and given.isdecimal() and len(given) < 10
        else None
    )
