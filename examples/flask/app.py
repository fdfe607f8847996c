"""The URL shortener with Flask. rom.contrib commits after each of the views."""

from __future__ import annotations

import flask

import rom
from examples.shortener import pages
from examples.shortener.forms import Form
from examples.shortener.links import PAGE, Link, Search, latest, only
from rom.contrib.flask import Rom

SearchReply = flask.typing.ResponseReturnValue

app = flask.Flask(__name__, static_folder=None)
Rom(app)


@app.get('/')
def index() -> SearchReply:
    return _index(Form())


@app.post('/')
def create() -> SearchReply:
    form = Form.read(flask.request.form)
    if form.errors:
        return _index(form), 422
    rom.session.expire(Link, limit=100)
    link = Link(**form.columns)
    return flask.redirect(f'/links/{link.slug}', 303)


@app.get('/search')
def search() -> SearchReply:
    search = Search.read(flask.request.args)
    try:
        results = search.query.page(PAGE, after=search.after)
    except rom.QueryError:  # an invalid cursor
        return flask.redirect(search.address())
    return pages.page('search', search=search, results=results)


@app.get('/links/<slug>')
def show(slug: str) -> SearchReply:
    return pages.page('link', link=_link(slug), home=flask.request.url_root)


@app.post('/links/<slug>/delete')
def delete(slug: str) -> SearchReply:
    _link(slug).delete()
    return flask.redirect('/', 303)


@app.get('/<slug>')
def follow(slug: str) -> SearchReply:
    link = _link(slug)
    # The server adds 1, so simultaneous visits all count.
    only(link).update(hits=Link.hits + 1)
    return flask.redirect(str(link.url))


@app.errorhandler(404)
def missing(error: Exception) -> SearchReply:
    return pages.missing(), 404


@app.errorhandler(rom.UniqueKeyViolation)
def taken(error: rom.UniqueKeyViolation) -> SearchReply:
    return pages.taken(error.value), 409


@app.errorhandler(rom.DataRaceError)
@app.errorhandler(rom.EntityDeletedError)
def meanwhile(error: rom.ORMError) -> SearchReply:
    return pages.meanwhile(), 409


def _index(form: Form) -> str:
    links = latest().limit(0, PAGE).all()
    return pages.page('index', form=form, links=links, home=flask.request.url_root)


def _link(slug: str) -> Link:
    link = Link.get_by(slug=slug.lower())
    if not isinstance(link, Link):
        flask.abort(404)
    return link
