# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""A Flask application of all kinds of views, under load."""

import asyncio

from flask import Blueprint, Flask, request, stream_with_context

from pyroscope_native.integrations.flask import instrument
from tests.support.noting import EXPECT, burn, serve_wsgi

app = Flask(__name__)
shop = Blueprint("shop", __name__, url_prefix="/shop")


@app.before_request
def before_request():
    burn(request.headers[EXPECT], 0.003)


@app.teardown_request
def teardown_request(_):
    burn(request.headers[EXPECT], 0.001)


@app.route("/users/<int:user_id>", methods=["GET", "DELETE"])
def user(user_id):
    burn(f"{request.method} /users/<int:user_id>", 0.012)
    return "user"


@app.get("/async/<name>")
async def async_view(name):
    """Runs in another thread."""
    burn("GET /async/<name>")
    await asyncio.sleep(0.001)
    burn("GET /async/<name>")
    return "async"


@app.get("/rows/<path:name>")
def rows(name):
    def row_chunks():
        for _ in range(4):
            burn(f"GET {request.url_rule}", 0.004)
            yield "row"

    return app.response_class(stream_with_context(row_chunks()))


@shop.post("/orders")
def order():
    burn("POST /shop/orders", 0.02)
    return {"order": 1}


app.register_blueprint(shop)
instrument(app)

serve_wsgi(
    app,
    [
        ("GET", "/users/17", "GET /users/<int:user_id>"),
        ("DELETE", "/users/18", "DELETE /users/<int:user_id>"),
        ("GET", "/async/x", "GET /async/<name>"),
        ("GET", "/rows/a/b/c", "GET /rows/<path:name>"),
        ("POST", "/shop/orders", "POST /shop/orders"),
        ("GET", "/nothing/here", "GET [unmatched]"),
    ],
    rounds=10,
)
