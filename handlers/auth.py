"""Signing in and out, and tokens: contract, section 6."""

from __future__ import annotations

from tornado.escape import parse_qs_bytes

from handlers.base import COOKIE, ApiHandler
from handlers.problems import problem
from jobs.errors import InvalidInput
from jobs.params import Parameter, validate
from jobs.views import encode
from storage.accounts import Identity

SECONDS_A_DAY = 86_400
_CREDENTIALS = (Parameter("username", str), Parameter("password", str))
_STAY = Parameter("stay_signed_in", bool, False)


class CredentialsHandler(ApiHandler):
    """A call that is signed in by name and password in its body."""

    needs_sign_in = False
    accepts_form = True

    def credentials(self, *more: Parameter) -> dict[str, object]:
        """What the body says. Raises InvalidInput."""
        return validate((*_CREDENTIALS, *more), self._given(), "a sign-in")

    async def check(self, given: dict[str, object]) -> Identity | None:
        """Who that is; None, and answered, where it is nobody."""
        address = self.request.remote_ip or ""
        identity = await self.services.sign_in.check(str(given["username"]), str(given["password"]), address)
        if identity is None:
            texts = ["Unable to log in with provided credentials."]
            refused = InvalidInput("Unable to log in with provided credentials.")
            self.set_status(400)
            self.set_header("Content-Type", "application/problem+json")
            self.finish(encode(problem(refused, 400, non_field_errors=texts)))
        return identity

    def _given(self) -> object:
        if self.request.headers.get("Content-Type", "").lower().startswith("application/x-www-form-urlencoded"):
            return self._form()
        return self.json()

    def _form(self) -> dict[str, object]:
        try:
            fields = parse_qs_bytes(self.body(), keep_blank_values=True)
            texts: dict[str, object] = {name: values[-1].decode() for name, values in fields.items()}
        except UnicodeDecodeError as error:
            raise InvalidInput("The form is not in UTF-8.") from error
        if "stay_signed_in" in texts:
            texts["stay_signed_in"] = texts["stay_signed_in"] in ("true", "on", "1", "yes")
        return texts


class AuthHandler(CredentialsHandler):
    """POST signs in, DELETE signs out."""

    async def post(self) -> None:
        given = self.credentials(_STAY)
        identity = await self.check(given)
        if identity is None:
            return
        days = self.services.config.auth.session_days
        cookie = await self.services.accounts.open_session(identity.name, days * SECONDS_A_DAY)
        self.set_cookie(
            COOKIE,
            cookie,
            path="/openattic",
            expires_days=days if given["stay_signed_in"] else None,
            httponly=True,
            samesite="Lax",
            secure=self.request.protocol == "https",
        )
        self.send({"username": identity.name, "role": identity.role})

    async def delete(self) -> None:
        cookie = self.get_cookie(COOKIE)
        if cookie:
            await self.services.accounts.close_session(cookie)
            self.services.connections.close_ended(self.services.accounts.is_valid)
        self.clear_cookie(COOKIE, path="/openattic")
        self.set_status(204)
        self.finish()


class TokenHandler(CredentialsHandler):
    """POST gives the user's token."""

    async def post(self) -> None:
        identity = await self.check(self.credentials())
        if identity is not None:
            self.send({"token": self.services.accounts.token_of(identity.name)})
