"""Serves the home page, the phones, the mails and their files. The policy allows only our own files, and no inline script."""

from pathlib import Path

from aiohttp import web

FOLDER = Path(__file__).parent
PAGES = {"/": "home.html", "/phones": "phones.html", "/mail": "mail.html"}
FILES = frozenset(file.name for file in FOLDER.iterdir() if file.suffix in (".css", ".js", ".svg"))
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def routes() -> list[web.RouteDef]:
    pages = [web.get(path, page) for path in PAGES]
    return [*pages, web.get("/static/{name}", file)]


async def page(request: web.Request) -> web.FileResponse:
    return web.FileResponse(FOLDER / PAGES[request.path], headers=HEADERS)


async def file(request: web.Request) -> web.FileResponse:
    name = request.match_info["name"]
    if name not in FILES:
        raise web.HTTPNotFound
    return web.FileResponse(FOLDER / name, headers=HEADERS)
