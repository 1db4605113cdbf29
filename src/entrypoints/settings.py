"""Every setting, from the environment, checked as a whole before anything starts."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import urlsplit

import attrs
import typed_settings as ts

from domain.checkout.policy import EMAIL

SECRET_BYTES_MIN: Final = 32
PORT_MAX: Final = 65_535
SANDBOX_SECRET_KEY: Final = "sk_test_counterfoil_sandbox"  # noqa: S105  opens nothing but our sandbox
SANDBOX_PUBLISHABLE_KEY: Final = "pk_test_counterfoil_sandbox"
MODES: Final = ("sandbox", "test", "live")
KEY_PREFIXES: Final = {
    "sk_test_": "test",
    "rk_test_": "test",
    "sk_live_": "live",
    "rk_live_": "live",
}
NUMBERS: Final = ("COUNTERFOIL_PORT", "COUNTERFOIL_SANDBOX_PORT", "COUNTERFOIL_SHOP_PORT")
MAY_BE_FILES: Final = (
    "DATABASE_URL",
    "STRIPE_SECRET_KEY",
    "STRIPE_WEBHOOK_SECRET",
    "COUNTERFOIL_SECRET",
    "COUNTERFOIL_JWT_SECRET",
)


@attrs.frozen
class SettingFlaw:
    name: str
    detail: str


class WrongSettings(Exception):
    """Every setting that is wrong, by name, with what to do about it."""

    def __init__(self, flaws: list[SettingFlaw]) -> None:
        super().__init__("; ".join(f"{flaw.name}: {flaw.detail}" for flaw in flaws))
        self.flaws = flaws


@attrs.frozen
class Environment:
    """The settings as they stand in the environment: one field each, upper-cased there."""

    database_url: str = attrs.field(default="", repr=False)
    stripe_secret_key: str = attrs.field(default="", repr=False)
    stripe_publishable_key: str = ""
    stripe_webhook_secret: str = attrs.field(default="", repr=False)
    counterfoil_stripe_mode: str = ""
    counterfoil_host: str = "127.0.0.1"
    counterfoil_port: int = 8080
    counterfoil_sandbox_port: int = 12111
    counterfoil_sandbox_url: str = ""
    counterfoil_shop_port: int = 8090
    counterfoil_data_dir: str = ".counterfoil"
    counterfoil_public_url: str = ""
    counterfoil_allowed_return_origins: str = ""
    counterfoil_cors_origins: str = ""
    counterfoil_secret: str = attrs.field(default="", repr=False)
    counterfoil_jwt_secret: str = attrs.field(default="", repr=False)
    counterfoil_jwks_url: str = ""
    counterfoil_jwt_issuer: str = ""
    counterfoil_jwt_audience: str = ""
    counterfoil_offers: str = ""
    counterfoil_open_offer: str = "render"
    counterfoil_rate_limits: str = "on"
    counterfoil_log_format: str = ""
    counterfoil_support_contact: str = ""


@attrs.frozen(kw_only=True)
class StripeSettings:
    """*base_url* is the sandbox's address in sandbox mode, None for Stripe's own."""

    mode: str
    secret_key: str = attrs.field(repr=False)
    publishable_key: str | None
    webhook_secrets: tuple[str, ...] = attrs.field(repr=False)
    base_url: str | None

    @property
    def checkout_origin(self) -> str:
        return _origin(self.base_url or "https://checkout.stripe.com")


@attrs.frozen(kw_only=True)
class TokenSettings:
    """How bearer tokens are verified: by *secret* (HS256) or by the keys at *jwks_url*."""

    secret: str | None = attrs.field(repr=False)
    jwks_url: str | None
    issuer: str
    audience: str


@attrs.frozen(kw_only=True)
class Settings:
    database_url: str | None = attrs.field(repr=False)
    data_dir: Path
    stripe: StripeSettings
    tokens: TokenSettings
    secrets: tuple[str, ...] = attrs.field(repr=False)
    host: str
    port: int
    sandbox_port: int
    shop_port: int
    public_url: str
    allowed_return_origins: frozenset[str]
    cors_origins: frozenset[str]
    offers_path: Path
    open_offer: str
    log_format: str
    support_contact: str | None

    @property
    def is_sandbox(self) -> bool:
        return self.stripe.mode == "sandbox"


T = TypeVar("T")


def load_settings(environ: Mapping[str, str]) -> Settings:
    """Read and check every setting; raise WrongSettings with all that is wrong."""
    flaws: list[SettingFlaw] = []
    environ = _with_files(environ, flaws)
    flaws.extend(_unknown(environ))
    raw = _read(environ, flaws)
    mode = _mode(raw, flaws)
    flaws.extend(_flaws_of(raw, mode))
    if flaws:
        raise WrongSettings(flaws)
    return _settings(raw, mode)


def _with_files(environ: Mapping[str, str], flaws: list[SettingFlaw]) -> dict[str, str]:
    """Replace each NAME_FILE by what the file holds."""
    result = dict(environ)
    for name in MAY_BE_FILES:
        path = result.pop(f"{name}_FILE", "")
        if not path:
            continue
        if result.get(name):
            flaws.append(SettingFlaw(name, f"is set, and so is {name}_FILE: keep one"))
        try:
            result[name] = Path(path).read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not text"
            flaws.append(SettingFlaw(f"{name}_FILE", f"cannot be read: {reason}"))
    return result


def _unknown(environ: Mapping[str, str]) -> Iterator[SettingFlaw]:
    known = [field.name.upper() for field in attrs.fields(Environment)]
    for name in sorted(environ):
        if name.startswith("COUNTERFOIL_") and name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f": did you mean {near[0]}?" if near else ""
            yield SettingFlaw(name, f"is no setting{hint}")


def _read(environ: Mapping[str, str], flaws: list[SettingFlaw]) -> Environment:
    given = {name: value.strip() for name, value in environ.items() if value.strip()}
    wrong = {name for name in NUMBERS if name in given and not given[name].isdecimal()}
    flaws.extend(
        SettingFlaw(name, f"must be a whole number, not {given[name]!r}") for name in sorted(wrong)
    )
    usable = {name: value for name, value in given.items() if name not in wrong}
    return ts.load_settings(Environment, loaders=[_MappingLoader(usable)])


@attrs.frozen
class _MappingLoader:
    """typed-settings reads os.environ itself; tests and `_FILE` need another mapping."""

    environ: Mapping[str, str]

    def __call__(
        self,
        settings_cls: type,  # noqa: ARG002  the protocol asks for it
        options: ts.types.OptionList,
    ) -> ts.types.LoadedSettings:
        values: ts.types.SettingsDict = {
            option.path: self.environ[option.path.upper()]
            for option in options
            if option.path.upper() in self.environ
        }
        return ts.types.LoadedSettings(values, ts.types.LoaderMeta("environment"))


def _mode(raw: Environment, flaws: list[SettingFlaw]) -> str:
    key = raw.stripe_secret_key
    by_key = next((m for p, m in KEY_PREFIXES.items() if key.startswith(p)), None)
    wanted = raw.counterfoil_stripe_mode or by_key or "sandbox"
    if wanted not in MODES:
        detail = f"must be one of {', '.join(MODES)}"
        flaws.append(SettingFlaw("COUNTERFOIL_STRIPE_MODE", detail))
        return "sandbox"
    if key and by_key is None:
        detail = "must begin with sk_test_, rk_test_, sk_live_ or rk_live_"
        flaws.append(SettingFlaw("STRIPE_SECRET_KEY", detail))
    elif wanted != "sandbox" and by_key not in {None, wanted}:
        detail = f"is a {by_key} key, and COUNTERFOIL_STRIPE_MODE says {wanted}"
        flaws.append(SettingFlaw("STRIPE_SECRET_KEY", detail))
    elif wanted == "sandbox" and by_key == "live":
        detail = "is a live key, and COUNTERFOIL_STRIPE_MODE says sandbox"
        flaws.append(SettingFlaw("STRIPE_SECRET_KEY", detail))
    return wanted


def _flaws_of(raw: Environment, mode: str) -> Iterator[SettingFlaw]:
    for name in ("counterfoil_port", "counterfoil_sandbox_port", "counterfoil_shop_port"):
        if not 1 <= getattr(raw, name) <= PORT_MAX:
            yield SettingFlaw(name.upper(), f"must be from 1 to {PORT_MAX}")
    if raw.database_url and not raw.database_url.startswith(("postgres://", "postgresql://")):
        yield SettingFlaw("DATABASE_URL", "must begin with postgresql://")
    yield from _address_flaws(raw)
    yield from _secret_flaws(raw)
    yield from _choice_flaws(raw, mode)
    if mode != "sandbox":
        yield from _missing(raw)


def _address_flaws(raw: Environment) -> Iterator[SettingFlaw]:
    for name in ("counterfoil_public_url", "counterfoil_sandbox_url", "counterfoil_jwks_url"):
        value = getattr(raw, name)
        if value and not _is_web_address(value):
            yield SettingFlaw(name.upper(), "must be an http or https address")
    for name in ("counterfoil_allowed_return_origins", "counterfoil_cors_origins"):
        for origin in _listed(getattr(raw, name)):
            if not _is_origin(origin):
                detail = f"{origin!r} is no origin: write scheme://host[:port] and nothing more"
                yield SettingFlaw(name.upper(), detail)


def _secret_flaws(raw: Environment) -> Iterator[SettingFlaw]:
    for secret in _listed(raw.stripe_webhook_secret):
        if not secret.startswith("whsec_"):
            yield SettingFlaw("STRIPE_WEBHOOK_SECRET", "must begin with whsec_ (comma-separated)")
    for name in ("counterfoil_secret", "counterfoil_jwt_secret"):
        value = getattr(raw, name)
        parts = _listed(value) if name == "counterfoil_secret" else [value] * bool(value)
        if any(len(part.encode()) < SECRET_BYTES_MIN for part in parts):
            yield SettingFlaw(name.upper(), f"must have at least {SECRET_BYTES_MIN} bytes")
    if raw.counterfoil_jwt_secret and raw.counterfoil_jwks_url:
        detail = "is set, and so is COUNTERFOIL_JWKS_URL: keep one"
        yield SettingFlaw("COUNTERFOIL_JWT_SECRET", detail)


def _choice_flaws(raw: Environment, mode: str) -> Iterator[SettingFlaw]:
    if raw.counterfoil_rate_limits not in {"on", "off"}:
        yield SettingFlaw("COUNTERFOIL_RATE_LIMITS", "must be on or off")
    elif raw.counterfoil_rate_limits == "off" and mode != "sandbox":
        yield SettingFlaw("COUNTERFOIL_RATE_LIMITS", "can be off in sandbox mode only")
    if raw.counterfoil_log_format not in {"", "console", "json"}:
        yield SettingFlaw("COUNTERFOIL_LOG_FORMAT", "must be console or json")
    if raw.counterfoil_support_contact and not _is_contact(raw.counterfoil_support_contact):
        detail = "must be an e-mail address or an https address: customers see it"
        yield SettingFlaw("COUNTERFOIL_SUPPORT_CONTACT", detail)
    if raw.counterfoil_offers and not Path(raw.counterfoil_offers).is_file():
        yield SettingFlaw("COUNTERFOIL_OFFERS", f"there is no file {raw.counterfoil_offers}")


def _missing(raw: Environment) -> Iterator[SettingFlaw]:
    """What must be given when real money, or Stripe's test money, is at stake."""
    needed = {
        "STRIPE_SECRET_KEY": raw.stripe_secret_key,
        "STRIPE_WEBHOOK_SECRET": raw.stripe_webhook_secret,
        "COUNTERFOIL_SECRET": raw.counterfoil_secret,
        "COUNTERFOIL_JWT_SECRET": raw.counterfoil_jwt_secret or raw.counterfoil_jwks_url,
        "COUNTERFOIL_JWT_ISSUER": raw.counterfoil_jwt_issuer,
        "COUNTERFOIL_JWT_AUDIENCE": raw.counterfoil_jwt_audience,
        "COUNTERFOIL_PUBLIC_URL": raw.counterfoil_public_url,
    }
    for name, value in needed.items():
        if not value:
            alternative = " (or COUNTERFOIL_JWKS_URL)" if name == "COUNTERFOIL_JWT_SECRET" else ""
            yield SettingFlaw(name, f"is needed outside sandbox mode{alternative}")


def _settings(raw: Environment, mode: str) -> Settings:
    sandbox = mode == "sandbox"
    public_url = (raw.counterfoil_public_url or _local_url(raw)).rstrip("/")
    shop = [f"http://127.0.0.1:{raw.counterfoil_shop_port}"] if sandbox else []
    shop += [f"http://localhost:{raw.counterfoil_shop_port}"] if sandbox else []
    default_origins = frozenset([_origin(public_url), *shop])
    return Settings(
        database_url=raw.database_url or None,
        data_dir=Path(raw.counterfoil_data_dir).absolute(),
        stripe=_stripe(raw, mode),
        tokens=TokenSettings(
            secret=raw.counterfoil_jwt_secret or None,
            jwks_url=raw.counterfoil_jwks_url or None,
            issuer=raw.counterfoil_jwt_issuer or "counterfoil",
            audience=raw.counterfoil_jwt_audience or "counterfoil",
        ),
        secrets=tuple(_listed(raw.counterfoil_secret)),
        host=raw.counterfoil_host,
        port=raw.counterfoil_port,
        sandbox_port=raw.counterfoil_sandbox_port,
        shop_port=raw.counterfoil_shop_port,
        public_url=public_url,
        allowed_return_origins=_origins(raw.counterfoil_allowed_return_origins, default_origins),
        cors_origins=_origins(raw.counterfoil_cors_origins, default_origins),
        offers_path=Path(raw.counterfoil_offers) if raw.counterfoil_offers else _shipped_offers(),
        open_offer=raw.counterfoil_open_offer,
        support_contact=raw.counterfoil_support_contact or None,
        log_format=raw.counterfoil_log_format or ("console" if sandbox else "json"),
    )


def _stripe(raw: Environment, mode: str) -> StripeSettings:
    if mode != "sandbox":
        return StripeSettings(
            mode=mode,
            secret_key=raw.stripe_secret_key,
            publishable_key=raw.stripe_publishable_key or None,
            webhook_secrets=tuple(_listed(raw.stripe_webhook_secret)),
            base_url=None,
        )
    local = f"http://127.0.0.1:{raw.counterfoil_sandbox_port}"
    return StripeSettings(
        mode=mode,
        secret_key=SANDBOX_SECRET_KEY,
        publishable_key=raw.stripe_publishable_key or SANDBOX_PUBLISHABLE_KEY,
        webhook_secrets=tuple(_listed(raw.stripe_webhook_secret)),
        base_url=(raw.counterfoil_sandbox_url or local).rstrip("/"),
    )


def _shipped_offers() -> Path:
    """The offers.toml of the working directory, else the one that came with the package."""
    here = Path("offers.toml")
    if here.is_file():
        return here
    shipped = Path(__file__).with_name("offers.toml")
    # In a checkout it lies at the top, beside src/.
    return shipped if shipped.is_file() else Path(__file__).parents[2] / "offers.toml"


def _local_url(raw: Environment) -> str:
    host = f"[{raw.counterfoil_host}]" if ":" in raw.counterfoil_host else raw.counterfoil_host
    return f"http://{host}:{raw.counterfoil_port}"


def _origins(given: str, default: frozenset[str]) -> frozenset[str]:
    return frozenset(_origin(origin) for origin in _listed(given)) or default


def _listed(value: str) -> list[str]:
    return [part.strip() for part in value.split(",") if part.strip()]


def _is_web_address(value: str) -> bool:
    return _tried(lambda: bool(_origin(value)), otherwise=False)


def _is_contact(value: str) -> bool:
    if value.startswith("https://"):
        return _is_web_address(value) and value.isprintable() and not set(value) & set(' \\<>"')
    # In a mailto address these begin further headers.
    return EMAIL.fullmatch(value) is not None and not set(value) & set("?&#%/")


def _is_origin(value: str) -> bool:
    parts = urlsplit(value)
    return _is_web_address(value) and not (parts.path.strip("/") or parts.query or parts.fragment)


def _origin(value: str) -> str:
    """Give scheme, host and port as origins are compared, without a default port."""
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(value)
    default = {"http": 80, "https": 443}[parts.scheme]
    port = "" if parts.port in {None, default} else f":{parts.port}"
    return f"{parts.scheme}://{parts.hostname}{port}"


def _tried(attempt: Callable[[], T], *, otherwise: T) -> T:
    try:
        return attempt()
    except ValueError:
        return otherwise
