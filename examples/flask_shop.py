# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""A shop in Flask whose CPU time is told apart by endpoint:

    pip install flask
    python -m pyroscope_native run -o shop.html examples/flask_shop.py

Then ask for http://127.0.0.1:8000/products/7 and http://127.0.0.1:8000/report, and end
it by Ctrl-C.
"""

import hashlib

from flask import Flask

from pyroscope_native.integrations.flask import instrument

app = Flask(__name__)
instrument(app)


@app.get("/products/<int:number>")
def product(number):
    fingerprint = b"%d" % number
    for _ in range(100_000):
        fingerprint = hashlib.sha256(fingerprint).digest()
    return {"product": number, "fingerprint": fingerprint.hex()}


@app.get("/report")
def report():
    """Sent row by row: the rows are made when the view has returned."""

    def rows():
        for day in range(365):
            sold = sum(n * n % 7 for n in range(day * 20))
            yield f"{day},{sold}\n"

    return app.response_class(rows(), mimetype="text/csv")


if __name__ == "__main__":
    app.run(port=8000)
