"""Signs users in and out, and returns tokens: contract, section 6."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, TypeVar

from msgspec import Meta, Struct
from tornado.escape import parse_qs_bytes

from accounts.model import Identity
from accounts.passwords import LONGEST_PASSWORD_CHARACTERS
from accounts.signin import LONGEST_KEY_CHARACTERS
from handlers.http.api import ApiHandler
from handlers.http.operation import Operation
from handlers.http.problems import problem
from handlers.http.query import BOOLEAN, QueryParameter
from handlers.views import TokenView, UserView
from jobs.definition.params import validated
from jobs.definition.schemas import schema_of_struct
from jobs.errors import InvalidInput
from jobs.live.views import encode

SECONDS_A_DAY = 86_400
PAGE = "/openattic"


class Credentials(Struct, forbid_unknown_fields=True):
    """The user whose token is requested."""

    username: str
    password: Annotated[str, Meta(extra_json_schema={"format": "password"})]


class NewSession(Credentials, forbid_unknown_fields=True):
    """The user who signs in, and whether the session outlives the browser."""

    stay_signed_in: bool = False


AnyCredentials = TypeVar("AnyCredentials", bound=Credentials)


class CredentialsHandler(ApiHandler):
    """A call that is authenticated by the name and password in its body."""

    def credentials(self, type_: type[AnyCredentials]) -> AnyCredentials:
        """Returns the name and password in the body. Raises InvalidInput."""
        given = validated(type_, self._given(), "a sign-in")
        self.forget_body()
        # It may have to wait for its turn; what is longer is neither a name nor a password.
        given.username = given.username[:LONGEST_KEY_CHARACTERS]
        given.password = given.password[: LONGEST_PASSWORD_CHARACTERS + 1]
        return given

    async def check(self, given: Credentials) -> Identity | None:
        """Returns the user; if name or password is wrong, answers that and returns None."""
        address = self.request.remote_ip or ""
        identity = await self.services.sign_in.check(given.username, given.password, address, self.has_gone)
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
    """The session of a browser."""

    operations: ClassVar[Mapping[str, Operation]] = {
        "POST": Operation(
            answers={200: UserView},
            body=lambda _: schema_of_struct(NewSession),
            example={"username": "admin", "password": "PASSWORD", "stay_signed_in": True},
            takes_form=True,
            needs_sign_in=False,
            problems=(403, 429),
            answer_headers={"Set-Cookie": "sessionid_…: the session, until the browser is closed or for some days"},
        ),
        "DELETE": Operation(
            answers={204: None},
            query={"everywhere": QueryParameter(BOOLEAN, "end all sessions of the user; requires a sign-in")},
            needs_sign_in=False,
            problems=(401, 403, 429),
        ),
    }

    async def post(self) -> None:
        """Signs in."""
        given = self.credentials(NewSession)
        identity = await self.check(given)
        if identity is None:
            return
        days = self.services.config.auth.session_days
        name, old_name = self.cookie_names()
        ends = self.session_identities()
        cookie = await self.services.accounts.open_session(identity.name, days * SECONDS_A_DAY, instead_of=ends)
        self.set_cookie(
            name,
            cookie,
            path=PAGE,
            expires_days=days if given.stay_signed_in else None,
            httponly=True,
            samesite="Lax",
            secure=self.request.protocol == "https",
        )
        if self.get_cookie(old_name) and ends:
            self.clear_cookie(old_name, path=PAGE)
        self.send(UserView(identity.name, identity.role))

    async def delete(self) -> None:
        """Signs out, or ends all sessions of the user; their WebSockets end with them."""
        accounts = self.services.accounts
        if self.value("everywhere"):
            await accounts.close_all_sessions(self.check_sign_in(await self.identify()).name)
        ended = self.session_identities()
        if ended:
            await accounts.close_sessions(ended)
        for name in self.cookie_names():
            self.clear_cookie(name, path=PAGE)
        self.set_status(204)
        self.finish()


class TokenHandler(CredentialsHandler):
    """The token of a user."""

    operations: ClassVar[Mapping[str, Operation]] = {
        "POST": Operation(
            answers={200: TokenView},
            body=lambda _: schema_of_struct(Credentials),
            example={"username": "admin", "password": "PASSWORD"},
            takes_form=True,
            needs_sign_in=False,
            problems=(403, 429),
        ),
    }

    async def post(self) -> None:
        """Returns the token, the same each time until it is renewed."""
        identity = await self.check(self.credentials(Credentials))
        if identity is not None:
            self.send(TokenView(self.services.accounts.token_of(identity.name)))
