# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""A FastAPI application of all kinds of endpoints, under load."""

import asyncio

from fastapi import APIRouter, BackgroundTasks, Depends, FastAPI
from fastapi.responses import StreamingResponse

from pyroscope_native.integrations.fastapi import instrument
from tests.support.noting import EXPECT, burn, serve_asgi

app = FastAPI()
orders = APIRouter(prefix="/orders")
admin = FastAPI()


@app.middleware("http")
async def before_routing(request, call_next):
    burn(request.headers[EXPECT], 0.002)
    return await call_next(request)


@app.get("/items/{item_id}")
async def read_item(item_id: int):
    burn("GET /items/{item_id}")
    await asyncio.sleep(0.001)
    burn("GET /items/{item_id}")


@app.put("/items/{item_id}")
def write_item(item_id: int):
    burn("PUT /items/{item_id}", 0.012)


def report_dependency():
    burn("GET /reports/{year:int}")


@app.get("/reports/{year:int}", dependencies=[Depends(report_dependency)])
async def report(year: int, tasks: BackgroundTasks):
    tasks.add_task(report_background)
    tasks.add_task(report_background_async)


def report_background():
    burn("GET /reports/{year:int}")


async def report_background_async():
    await asyncio.sleep(0.001)
    burn("GET /reports/{year:int}")


@orders.get("/{order_id}/lines")
async def order_lines(order_id: str):
    async def order_chunks():
        for _ in range(3):
            burn("GET /v1/orders/{order_id}/lines", 0.004)
            await asyncio.sleep(0)
            yield "line"

    return StreamingResponse(order_chunks())


@orders.get("/{order_id}/file")
def order_file(order_id: str):
    def file_chunks():
        for _ in range(3):
            burn("GET /v1/orders/{order_id}/file", 0.003)
            yield "line"

    return StreamingResponse(file_chunks())


@admin.get("/users/{name}")
def read_user(name: str):
    burn("GET /admin/{tenant}/users/{name}", 0.005)


app.include_router(orders, prefix="/v1")
app.mount("/admin/{tenant}", admin)
instrument(app)

serve_asgi(
    app,
    [
        ("GET", "/items/17", "GET /items/{item_id}"),
        ("PUT", "/items/18", "PUT /items/{item_id}"),
        ("GET", "/reports/2024", "GET /reports/{year:int}"),
        ("GET", "/v1/orders/a-7/lines", "GET /v1/orders/{order_id}/lines"),
        ("GET", "/v1/orders/a-8/file", "GET /v1/orders/{order_id}/file"),
        ("GET", "/admin/x/users/me", "GET /admin/{tenant}/users/{name}"),
        ("GET", "/nothing/here", "GET [unmatched]"),
        ("BREW", "/items/19", "[other] /items/{item_id}"),
    ],
)
