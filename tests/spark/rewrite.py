"""What Databricks SQL has and Spark has not, in Spark's terms.

Statements go to Spark as they are, but for three things: names in three parts, of
which the catalog becomes Spark's own; read_files, which becomes a temporary view;
and COPY INTO, which becomes an INSERT. The text is cut into tokens for it, so that
nothing inside a literal or a comment is touched.
"""

import re

TOKEN = re.compile(
    r"""(?P<comment>--[^\n]*|/\*.*?\*/)
    |(?P<raw>[rR]'[^']*'|[rR]"[^"]*")
    |(?P<string>'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*")
    |(?P<quoted>`(?:[^`]|``)*`)
    |(?P<word>[^\W\d]\w*)
    |(?P<number>\d[\w]*(?:\.\d[\w]*)?)
    |(?P<space>\s+)
    |(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)

CATALOG = "spark_catalog"


class Token:
    """A piece of a statement: its kind, and its text as written."""

    def __init__(self, kind, text):
        self.kind, self.text = kind, text

    def is_word(self, *words):
        return self.kind == "word" and self.text.upper() in words

    def name(self):
        """The identifier without its quotes, in lower case, or None."""
        if self.kind == "quoted":
            return self.text[1:-1].replace("``", "`").lower()
        return self.text.lower() if self.kind == "word" else None

    def value(self):
        """The content of a string literal, or None."""
        if self.kind == "raw":
            return self.text[2:-1]
        return unescape(self.text) if self.kind == "string" else None


ESCAPES = {"0": "\0", "b": "\b", "n": "\n", "r": "\r", "t": "\t", "Z": "\x1a", "%": "\\%", "_": "\\_"}


def unescape(literal):
    """The content of a literal in quotes."""
    quote, body = literal[0], literal[1:-1]

    def one(m):
        text = m.group(0)
        if text == quote + quote:
            return quote
        if text[1] == "u" and len(text) == 6:
            return chr(int(text[2:], 16))
        if text[1] == "U" and len(text) == 10:
            return chr(int(text[2:], 16))
        if len(text) == 4 and text[1:].isdigit():
            return chr(int(text[1:], 8))
        return ESCAPES.get(text[1], text[1])

    pattern = r"\\u[0-9a-fA-F]{4}|\\U[0-9a-fA-F]{8}|\\[01][0-7]{2}|\\.|" + re.escape(quote * 2)
    return re.sub(pattern, one, body, flags=re.DOTALL)


def tokens(sql):
    return [Token(m.lastgroup, m.group(0)) for m in TOKEN.finditer(sql)]


def text_of(parts):
    return "".join(t.text for t in parts)


def solid(parts):
    """The tokens that are neither space nor comment."""
    return [t for t in parts if t.kind not in ("space", "comment")]


def map_names(parts, catalog):
    """Puts Spark's catalog where the statement names the script's."""
    out = []
    for i, t in enumerate(parts):
        after = parts[i + 1].text if i + 1 < len(parts) else ""
        before = parts[i - 1].text if i else ""
        if t.name() == catalog.lower() and after == "." and before != ".":
            t = Token("word", CATALOG)
        out.append(t)
    return out


def closing(parts, start):
    """The place of the parenthesis that closes the one at start."""
    depth = 0
    for i in range(start, len(parts)):
        if parts[i].text == "(":
            depth += 1
        elif parts[i].text == ")":
            depth -= 1
            if depth == 0:
                return i
    raise ValueError("a parenthesis is not closed: " + text_of(parts)[:200])


def split_read_files(parts):
    """Finds the calls of read_files: (first, last, path, options)."""
    calls = []
    for i, t in enumerate(parts):
        if not t.is_word("READ_FILES"):
            continue
        first = next(j for j in range(i + 1, len(parts)) if parts[j].kind not in ("space", "comment"))
        if parts[first].text != "(":
            continue
        last = closing(parts, first)
        inside = solid(parts[first + 1 : last])
        options = {}
        for j, option in enumerate(inside):
            # a name, "=" and ">", and the value
            if option.kind == "word" and text_of(inside[j + 1 : j + 3]) == "=>":
                value = inside[j + 3].value()
                options[option.text.lower()] = value if value is not None else inside[j + 3].text
        calls.append((i, last, inside[0].value(), options))
    return calls


class Copy:
    """COPY INTO, taken apart."""

    def __init__(self, parts):
        p = solid(parts)
        i = 2  # after COPY INTO
        start = i
        while p[i].text == "." or p[i - 1].text in (".", "INTO", "into") or i == start:
            i += 1
        self.table = text_of(p[start:i])
        self.columns, self.by_position = None, False
        if p[i].is_word("BY"):
            self.by_position = True
            i += 2
        if p[i].text == "(":
            end = closing(p, i)
            self.columns = text_of(p[i : end + 1])
            i = end + 1
        i += 1  # FROM
        if p[i].text == "(":
            end = closing(p, i)
            self._query(p[i + 1 : end])
            i = end + 1
        else:
            self.path, self.items, self.where = p[i].value(), "*", ""
            i += 1
        self.files, self.pattern, self.format_options, self.copy_options = None, None, {}, {}
        while i < len(p):
            i = self._option(p, i)

    def _query(self, p):
        depth, at = 0, None
        for i, t in enumerate(p):
            depth += {"(": 1, ")": -1}.get(t.text, 0)
            if depth == 0 and t.is_word("FROM") and i + 1 < len(p) and p[i + 1].value() is not None:
                at = i
        self.path = p[at + 1].value()
        self.items = " ".join(t.text for t in p[1:at]).replace(" . ", ".")
        self.where = " ".join(t.text for t in p[at + 2 :]).replace(" . ", ".")

    def _option(self, p, i):
        word = p[i].text.upper()
        if word == "FILEFORMAT":
            self.format = p[i + 2].text.upper()
            return i + 3
        if word == "PATTERN":
            self.pattern = p[i + 2].value()
            return i + 3
        if word in ("FILES", "FORMAT_OPTIONS", "COPY_OPTIONS"):
            start = i + 2 if p[i + 1].text == "=" else i + 1
            end = closing(p, start)
            values = [t.value() for t in p[start:end] if t.value() is not None]
            if word == "FILES":
                self.files = values
            else:
                pairs = {k.lower(): v for k, v in zip(values[::2], values[1::2])}
                setattr(self, word.lower(), pairs)
            return end + 1
        return i + 1

    def insert(self, source):
        """The statement that adds what the view named source shows."""
        query = f"SELECT {self.items} FROM {source} {self.where}".strip()
        if self.columns:
            return f"INSERT INTO {self.table} {self.columns} {query}"
        return f"INSERT INTO {self.table} {'' if self.by_position else 'BY NAME '}{query}"
