# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Flask: `instrument(app)`."""

from __future__ import annotations

from flask import Flask

from pyroscope_native.integrations.wsgi import Middleware


def instrument(app: Flask) -> None:
    """Label the requests to `app` by its URL rules, as in `/users/<int:id>`."""

    def template(environ: dict[str, object]) -> str:
        adapter = app.create_url_adapter(app.request_class(environ))
        rule, _ = adapter.match(return_rule=True)
        return str(rule.rule)

    app.wsgi_app = Middleware(app.wsgi_app, template)
