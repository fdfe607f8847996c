"""The URL shortener with FastAPI. rom.contrib commits after each of the endpoints."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException as AnyHTTPException

import rom
from examples.shortener import forms, pages
from examples.shortener.links import PAGE, Link, Search, latest, only
from rom.contrib.asgi import RomMiddleware, RomSession

app = FastAPI(openapi_url=None)
app.add_middleware(RomMiddleware)
Field = Annotated[str, Form()]


@app.get('/')
async def index(request: Request, session: RomSession) -> Response:
    return await _index(request, session, forms.Form())


@app.post('/')
async def create(
    request: Request,
    session: RomSession,
    url: Field = '',
    slug: Field = '',
    title: Field = '',
    lifetime: Field = '',
) -> Response:
    form = forms.Form.read({'url': url, 'slug': slug, 'title': title, 'lifetime': lifetime})
    if form.errors:
        return await _index(request, session, form, 422)
    await session.expire(Link, limit=100)
    link = Link(**form.columns)
    return RedirectResponse(f'/links/{link.slug}', 303)


@app.get('/search')
async def search(request: Request, session: RomSession) -> Response:
    search = Search.read(request.query_params)
    try:
        results = await session.page(search.query, PAGE, after=search.after)
    except rom.QueryError:  # an invalid cursor
        return RedirectResponse(search.address(), 302)
    return HTMLResponse(pages.page('search', search=search, results=results))


@app.get('/links/{slug}')
async def show(request: Request, session: RomSession, slug: str) -> Response:
    link = await _link(session, slug)
    return HTMLResponse(pages.page('link', link=link, home=str(request.base_url)))


@app.post('/links/{slug}/delete')
async def delete(session: RomSession, slug: str) -> Response:
    await session.delete(await _link(session, slug))
    return RedirectResponse('/', 303)


@app.get('/{slug}')
async def follow(session: RomSession, slug: str) -> Response:
    link = await _link(session, slug)
    # The server adds 1, so simultaneous visits all count.
    await session.update_all(only(link), hits=Link.hits + 1)
    return RedirectResponse(str(link.url), 302)


@app.exception_handler(AnyHTTPException)
async def problem(request: Request, error: AnyHTTPException) -> Response:
    if error.status_code == 404:
        return HTMLResponse(pages.missing(), 404)
    return Response(error.detail, error.status_code, error.headers)


@app.exception_handler(rom.UniqueKeyViolation)
async def taken(request: Request, error: rom.UniqueKeyViolation) -> Response:
    return HTMLResponse(pages.taken(error.value), 409)


@app.exception_handler(rom.DataRaceError)
@app.exception_handler(rom.EntityDeletedError)
async def meanwhile(request: Request, error: rom.ORMError) -> Response:
    return HTMLResponse(pages.meanwhile(), 409)


async def _index(
    request: Request, session: RomSession, form: forms.Form, status: int = 200
) -> Response:
    links = await session.all(latest().limit(0, PAGE))
    shown = pages.page('index', form=form, links=links, home=str(request.base_url))
    return HTMLResponse(shown, status)


async def _link(session: RomSession, slug: str) -> Link:
    link = await session.get_by(Link, slug=slug.lower())
    if not isinstance(link, Link):
        raise HTTPException(404)
    return link
