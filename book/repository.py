"""A preprocessor of mdBook: what a page links to outside of docs/ is no page of the book.

Such links lead to the repository whose address is in OCTOBROKER_REPOSITORY, or nowhere. And a folder's
README.md is its index.html in the book, which mdBook itself forgets in links.
"""

import json
import os
import posixpath
import re
import sys

LINK = re.compile(r"(?<!!)\[([^\]]*)\]\((?!https?:|mailto:|#)([^)\s]+)\)")


def rewritten(text, page, repository):
    """The page's text, with links to the outside led elsewhere."""

    def one(link):
        words, target = link.groups()
        path, hash_sign, anchor = target.partition("#")
        path = posixpath.normpath(posixpath.join("docs", posixpath.dirname(page), path))
        if path == "docs" or path.startswith("docs/"):
            index = re.sub(r"(^|/)README\.md(?=$|#)", r"\1index.md", target)
            return f"[{words}]({index})"
        return f"[{words}]({repository}/{path}{hash_sign}{anchor})" if repository else words

    return LINK.sub(one, text)


def walk(items, repository):
    for item in items:
        chapter = item.get("Chapter") if isinstance(item, dict) else None
        if chapter:
            chapter["content"] = rewritten(chapter["content"], chapter["path"] or "", repository)
            walk(chapter["sub_items"], repository)


if __name__ == "__main__":
    if sys.argv[1:2] == ["supports"]:
        sys.exit(0)
    _, book = json.load(sys.stdin)
    walk(book.get("items", book.get("sections", [])), os.environ.get("OCTOBROKER_REPOSITORY", "").rstrip("/"))
    json.dump(book, sys.stdout)
