"""Errors as JSON, of one shape everywhere, which OpenAI's clients read too: `{"error": {message, type, param, code}}`."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from danqing.errors import (
    BusyError,
    ConfigError,
    ConflictError,
    DanqingError,
    DataError,
    LoginError,
    MissingError,
    OutputError,
    PainterError,
    PictureError,
    RightsError,
    WishError,
)
from danqing.files import unplaced

STATUS: Mapping[type[DanqingError], int] = {
    PictureError: 400,
    WishError: 400,
    ConfigError: 400,
    LoginError: 401,
    RightsError: 403,
    MissingError: 404,
    PainterError: 404,
    DataError: 404,
    ConflictError: 409,
    BusyError: 429,
    OutputError: 507,
}
"""What each kind of error is in HTTP; the most special kind that fits counts."""
TYPES = {400: "invalid_request_error", 401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
"""What OpenAI's clients call them; everything else below 500 is an invalid request too."""

DIALECTS = ("/v1/", "/sdapi/")
"""Where a request that cannot be understood is a 400: those who speak so know no 422."""

log = logging.getLogger("danqing.server")


class RefusalError(Exception):
    """An answer of a kind that Danqing's own errors do not tell apart.

    Args:
        status: in HTTP.
        message: a sentence that says what was given, what is allowed and what to do.
        code: for programs.
        param: the field it is about.
        final: asking again changes nothing: clients that try again by themselves are told not to.
    """

    def __init__(self, status: int, message: str, code: str, param: str | None = None, final: bool = False) -> None:
        super().__init__(message)
        self.status, self.code, self.param, self.final = status, code, param, final

    def answer(self) -> JSONResponse:
        """As it is sent."""
        found = problem(self.status, str(self), self.code, self.param)
        if self.final:
            found.headers["X-Should-Retry"] = "false"
        return found


class Trouble(BaseModel):
    """What went wrong: a sentence, the kind for programs, the field it is about, and Danqing's own name for it."""

    message: str
    type: str
    param: str | None = None
    code: str | None = None


class Problem(BaseModel):
    """Every error answer."""

    error: Trouble


def problem(status: int, message: str, code: str | None = None, param: str | None = None) -> JSONResponse:
    """An error answer."""
    kind = TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")
    body = Problem(error=Trouble(message=message, type=kind, param=param, code=code))
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    return JSONResponse(body.model_dump(), status, headers=headers)


def status_of(error: type[BaseException]) -> int:
    """The HTTP status of a kind of error."""
    return next((STATUS[kind] for kind in error.__mro__ if kind in STATUS), 500)


def named(name: str | None) -> int:
    """The same by the name of the kind, as a failed job has it."""
    return next((status for kind, status in STATUS.items() if kind.__name__ == name), 500)


def install(app: FastAPI) -> None:
    """Let an app answer every error so."""

    @app.exception_handler(DanqingError)
    async def _known(request: Request, error: Exception) -> JSONResponse:
        return problem(status_of(type(error)), unplaced(str(error)), type(error).__name__)

    @app.exception_handler(RefusalError)
    async def _refused(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RefusalError)
        return error.answer()

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        return problem(400 if request.url.path.startswith(DIALECTS) else 422, *_first(error))

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        answer = problem(error.status_code, f"{request.method} {request.url.path}: {error.detail}".lower())
        answer.headers.update(error.headers or {})
        return answer

    @app.exception_handler(Exception)
    async def _unknown(request: Request, error: Exception) -> JSONResponse:
        # Starlette raises it again after this, so uvicorn logs it with its traceback.
        return problem(500, "the studio failed at this: its log says more")


def _first(error: RequestValidationError) -> tuple[str, str, str | None]:
    """The first complaint in a sentence, without the value, which may be a secret or megabytes."""
    first: Mapping[str, Any] = error.errors()[0]
    path = ".".join(str(part) for part in first["loc"][1:])
    message = str(first["msg"]).removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        message = "there is no such field here: leave it out; /docs/openapi.json says which there are"
    return f"{path or 'the body'}: {message[:1].lower()}{message[1:]}", "ValidationError", path or None
