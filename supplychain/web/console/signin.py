"""The sign-in page of the keyed mode: a key in, a cookie out that holds no secret. In open mode nobody sees it."""

from __future__ import annotations

from html import escape
from typing import Final
from urllib.parse import parse_qs

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, RedirectResponse

from supplychain.domain.errors import UnauthorizedError
from supplychain.web.auth import COOKIE, SESSION_MS, Gate
from supplychain.web.console.assets_path import ASSET_VERSION, ASSETS
from supplychain.web.console.texts import preferred, speaker

_PAGE: Final = """<!doctype html><html lang="{lang}"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="{assets}/console.css?{version}"></head>
<body style="display:grid;place-items:center;min-height:100vh;margin:0">
<form class="panel" method="post" style="width:380px;display:grid;gap:12px;padding:28px">
<div style="font-weight:650;font-size:18px">{app}</div><div class="muted small">{about}</div>
<label class="small" for="key">{label}</label>
<input id="key" name="key" type="password" autocomplete="current-password" required autofocus
 style="padding:9px 11px;border:1px solid var(--edge);border-radius:8px;background:var(--bg);color:var(--text);font:inherit">
<input type="hidden" name="next" value="{next}">{fault}
<button style="padding:9px;border:0;border-radius:8px;background:var(--accent);color:#fff;font:inherit;font-weight:600">{title}</button>
</form></body></html>"""
_BODY_LIMIT: Final = 10_000


def router(gate: Gate) -> APIRouter:
    """Return the routes of signing in and out."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/sign-in")
    async def ask(request: Request) -> Response:
        return _page(request, _own(request.query_params.get("next", "/")))

    @routes.post("/sign-in")
    async def take(request: Request) -> Response:
        body = (await request.body())[:_BODY_LIMIT]
        form = parse_qs(body.decode("utf-8", "replace"))
        target = _own(form.get("next", ["/"])[0])
        try:
            cookie = await run_in_threadpool(gate.cookie, form.get("key", [""])[0].strip())
        except UnauthorizedError as fault:
            return _page(request, target, fault.detail)
        answer = RedirectResponse(target, status_code=303)
        secure = request.url.scheme == "https"
        answer.set_cookie(COOKIE, cookie, max_age=SESSION_MS // 1_000, httponly=True, samesite="strict", secure=secure)
        return answer

    @routes.get("/sign-out")
    async def leave() -> Response:
        answer = RedirectResponse("/sign-in", status_code=303)
        answer.delete_cookie(COOKIE)
        return answer

    return routes


def _own(target: str) -> str:
    """Return a path of this console; an address elsewhere becomes the first page."""
    return target if target.startswith("/") and not target.startswith(("//", "/\\")) else "/"


def _page(request: Request, target: str, fault: str = "") -> HTMLResponse:
    language = preferred(request.cookies.get("lang"), request.headers.get("accept-language", ""))
    say = speaker(language)
    words = {
        "lang": language,
        "title": say("sign.in"),
        "app": say("app"),
        "about": say("sign.in.about"),
        "label": say("api.key"),
        "next": target,
    }
    note = f'<div class="small" role="alert" style="color:var(--bad)">{escape(fault)}</div>' if fault else ""
    filled = {name: escape(value) for name, value in words.items()}
    return HTMLResponse(
        _PAGE.format(assets=ASSETS, version=ASSET_VERSION, fault=note, **filled), status_code=401 if fault else 200
    )
