"""The URL shortener with Django. rom.contrib commits after each of the views."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path
from django.views.decorators.http import require_GET, require_http_methods, require_POST

import rom
from examples.shortener import pages
from examples.shortener.forms import Form
from examples.shortener.links import PAGE, Link, Search, latest, only
from rom.contrib.django import RomMiddleware


class Conflicts(RomMiddleware):
    """Middleware: a session for each request, and pages for conflicts."""

    def conflict(self, request: HttpRequest, error: rom.ORMError) -> HttpResponse:
        is_taken = isinstance(error, rom.UniqueKeyViolation)
        shown = pages.taken(error.value) if is_taken else pages.meanwhile()  # type: ignore[attr-defined]
        return HttpResponse(shown, status=409)


@require_http_methods(['GET', 'HEAD', 'POST'])
def index(request: HttpRequest) -> HttpResponse:
    if request.method != 'POST':
        return _index(request, Form())
    form = Form.read(request.POST)
    if form.errors:
        return _index(request, form, 422)
    rom.session.expire(Link, limit=100)
    link = Link(**form.columns)
    return HttpResponseRedirect(f'/links/{link.slug}', status=303)


@require_GET
def search(request: HttpRequest) -> HttpResponse:
    search = Search.read(request.GET.dict())
    try:
        results = search.query.page(PAGE, after=search.after)
    except rom.QueryError:  # an invalid cursor
        return HttpResponseRedirect(search.address())
    return HttpResponse(pages.page('search', search=search, results=results))


@require_GET
def show(request: HttpRequest, slug: str) -> HttpResponse:
    return HttpResponse(pages.page('link', link=_link(slug), home=_home(request)))


@require_POST
def delete(request: HttpRequest, slug: str) -> HttpResponse:
    _link(slug).delete()
    return HttpResponseRedirect('/', status=303)


@require_GET
def follow(request: HttpRequest, slug: str) -> HttpResponse:
    link = _link(slug)
    # The server adds 1, so simultaneous visits all count.
    only(link).update(hits=Link.hits + 1)
    return HttpResponseRedirect(str(link.url))


def missing(request: HttpRequest, exception: Exception) -> HttpResponse:
    return HttpResponse(pages.missing(), status=404)


def _index(request: HttpRequest, form: Form, status: int = 200) -> HttpResponse:
    links = latest().limit(0, PAGE).all()
    shown = pages.page('index', form=form, links=links, home=_home(request))
    return HttpResponse(shown, status=status)


def _home(request: HttpRequest) -> str:
    return str(request.build_absolute_uri('/'))


def _link(slug: str) -> Link:
    link = Link.get_by(slug=slug.lower())
    if not isinstance(link, Link):
        raise Http404
    return link


handler404 = missing
urlpatterns = [
    path('', index),
    path('search', search),
    path('links/<slug>', show),
    path('links/<slug>/delete', delete),
    path('<slug>', follow),
]
