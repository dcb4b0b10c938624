# SPDX-FileCopyrightText: The Cloister authors
# SPDX-License-Identifier: Apache-2.0
"""What can go wrong, as exceptions."""

from __future__ import annotations


class CloisterError(Exception):
    """An error of the server, or of the way there.

    `code` is one of the contract's ("not_found", "erased", …), `status` that of HTTP or 0 where no
    answer came, `request_id` how the server's log and audit trail name the request.
    """

    def __init__(self, code: str, detail: str, status: int = 0, request_id: str | None = None,
                 retry_after: float | None = None) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.status = status
        self.request_id = request_id
        self.retry_after = retry_after


class InvalidArgumentError(CloisterError, ValueError):
    """Something in the request is not valid; `detail` names it."""


class AuthenticationError(CloisterError):
    """The API key is missing, malformed, expired or revoked."""


class ForbiddenError(CloisterError):
    """The API key does not reach that scope, or may not do that."""


class NotFoundError(CloisterError, LookupError):
    """There is no such thing; another tenant's counts as none."""


class ConflictError(CloisterError):
    """It was changed meanwhile, or an idempotency key was used for something else."""


class ErasedError(CloisterError):
    """The scope was erased, or the session has ended."""


class QuotaExceededError(CloisterError):
    """It is too large, or more than may be stored."""


class RateLimitedError(CloisterError):
    """Too many requests; `retry_after` says when to try again."""


class UnavailableError(CloisterError):
    """The server is overloaded, sealed or not there; whether the request was done is not known."""


_BY_CODE: dict[str, type[CloisterError]] = {
    "invalid_argument": InvalidArgumentError,
    "unauthenticated": AuthenticationError,
    "forbidden": ForbiddenError,
    "not_found": NotFoundError,
    "conflict": ConflictError,
    "erased": ErasedError,
    "too_large": QuotaExceededError,
    "quota_exceeded": QuotaExceededError,
    "rate_limited": RateLimitedError,
    "overloaded": UnavailableError,
    "unavailable": UnavailableError,
    "sealed": UnavailableError,
    "quarantined": UnavailableError,
    "timeout": UnavailableError,
}


def error_of(code: str, detail: str, status: int = 0, request_id: str | None = None,
             retry_after: float | None = None) -> CloisterError:
    """The exception of a code."""
    return _BY_CODE.get(code, CloisterError)(code, detail, status, request_id, retry_after)
