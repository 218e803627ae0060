"""The directive `stage`: a page of backpropagation, live, under the code that made it.

    ```{stage} What the frame around the page is called
    x = Value(3.0, label="x")
    backprop(x * x)
    ```

The body is Python that may use every name of glassgrad; what its last line gives is shown, by its
HTML. With `:hide-code:` the code is left out.
"""

from __future__ import annotations

import ast
import linecache
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import Directive, directives

import glassgrad

NAME = "example.py"
"""What the page calls the file of the code."""


class Stage(Directive):
    required_arguments = 1
    final_argument_whitespace = True
    has_content = True
    option_spec: ClassVar[dict[str, Any]] = {"hide-code": directives.flag}

    def run(self) -> list[nodes.Node]:
        code = "\n".join(self.content)
        frame = nodes.container(classes=["live"])
        frame += nodes.raw("", html_of(shown_by(code)), format="html")
        frame += nodes.caption(self.arguments[0], self.arguments[0], classes=["live-caption"])
        if "hide-code" in self.options:
            return [frame]
        block = nodes.literal_block(code, code, language="python")
        return [block, frame]


def shown_by(code: str) -> Any:
    """What the last line of some code gives."""
    linecache.cache[NAME] = (len(code), None, code.splitlines(keepends=True), NAME)
    tree = ast.parse(code)
    last = tree.body.pop()
    if not isinstance(last, ast.Expr):
        raise ValueError(f"The last line of a stage gives nothing to show: {ast.unparse(last)}")
    names: dict[str, Any] = {name: getattr(glassgrad, name) for name in dir(glassgrad)}
    exec(compile(tree, NAME, "exec"), names)
    return eval(compile(ast.Expression(last.value), NAME, "eval"), names)


def html_of(shown: Any) -> str:
    """The HTML that a notebook would show."""
    bundle = getattr(shown, "_repr_mimebundle_", dict)()
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    return str(data["text/html"] if "text/html" in data else shown._repr_html_())


def setup(app: Any) -> dict[str, bool]:
    app.add_directive("stage", Stage)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
