"""Wrong settings are all named at once, and nothing is started."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from entrypoints.development_secrets import complete
from entrypoints.settings import WrongSettings, load_settings

LIVE = {
    "STRIPE_SECRET_KEY": "sk_live_1",
    "STRIPE_WEBHOOK_SECRET": "whsec_1,whsec_2",
    "COUNTERFOIL_SECRET": "s" * 32,
    "COUNTERFOIL_JWT_SECRET": "j" * 32,
    "COUNTERFOIL_JWT_ISSUER": "https://issuer.example",
    "COUNTERFOIL_JWT_AUDIENCE": "counterfoil",
    "COUNTERFOIL_PUBLIC_URL": "https://pay.example/",
}

# fmt: off
WRONG = [
    ({"COUNTERFOIL_PORT": "abc"},                                "COUNTERFOIL_PORT"),
    ({"COUNTERFOIL_PORT": "0"},                                  "COUNTERFOIL_PORT"),
    ({"COUNTERFOIL_PORT": "65536"},                              "COUNTERFOIL_PORT"),
    ({"COUNTERFOIL_PROT": "8080"},                               "COUNTERFOIL_PROT"),
    ({"DATABASE_URL": "mysql://x"},                              "DATABASE_URL"),
    ({"STRIPE_SECRET_KEY": "pk_test_1"},                         "STRIPE_SECRET_KEY"),
    ({**LIVE, "COUNTERFOIL_STRIPE_MODE": "test"},                "STRIPE_SECRET_KEY"),
    ({**LIVE, "STRIPE_SECRET_KEY": "sk_test_1",
      "COUNTERFOIL_STRIPE_MODE": "live"},                        "STRIPE_SECRET_KEY"),
    ({"STRIPE_SECRET_KEY": "rk_live_1",
      "COUNTERFOIL_STRIPE_MODE": "sandbox"},                     "STRIPE_SECRET_KEY"),
    ({"COUNTERFOIL_STRIPE_MODE": "production"},                  "COUNTERFOIL_STRIPE_MODE"),
    ({"COUNTERFOIL_SECRET": "short"},                            "COUNTERFOIL_SECRET"),
    ({"COUNTERFOIL_SECRET": f"{'s' * 32},short"},                "COUNTERFOIL_SECRET"),
    ({"COUNTERFOIL_JWT_SECRET": "short"},                        "COUNTERFOIL_JWT_SECRET"),
    ({"STRIPE_WEBHOOK_SECRET": "secret"},                        "STRIPE_WEBHOOK_SECRET"),
    ({"COUNTERFOIL_PUBLIC_URL": "pay.example"},                  "COUNTERFOIL_PUBLIC_URL"),
    ({"COUNTERFOIL_ALLOWED_RETURN_ORIGINS": "https://a.example/path"},
                                                                 "COUNTERFOIL_ALLOWED_RETURN_ORIGINS"),
    ({"COUNTERFOIL_OFFERS": "/no/such/file"},                    "COUNTERFOIL_OFFERS"),
    ({**LIVE, "COUNTERFOIL_RATE_LIMITS": "off"},                 "COUNTERFOIL_RATE_LIMITS"),
    ({"COUNTERFOIL_SECRET_FILE": "/no/such/file"},               "COUNTERFOIL_SECRET_FILE"),
    ({"COUNTERFOIL_SUPPORT_CONTACT": "us"},                      "COUNTERFOIL_SUPPORT_CONTACT"),
    ({"COUNTERFOIL_SUPPORT_CONTACT": "javascript:alert(1)"},     "COUNTERFOIL_SUPPORT_CONTACT"),
    ({"COUNTERFOIL_SUPPORT_CONTACT": "http://help.example"},     "COUNTERFOIL_SUPPORT_CONTACT"),
    ({"COUNTERFOIL_SUPPORT_CONTACT": 'https://x.example/"a'},    "COUNTERFOIL_SUPPORT_CONTACT"),
    ({"COUNTERFOIL_SUPPORT_CONTACT": "a@b.example?cc=c"},        "COUNTERFOIL_SUPPORT_CONTACT"),
]
# fmt: on


@pytest.mark.parametrize(("environ", "name"), WRONG)
def test_a_wrong_setting_is_named(environ: dict[str, str], name: str) -> None:
    with pytest.raises(WrongSettings) as caught:
        load_settings(environ)

    assert [flaw.name for flaw in caught.value.flaws] == [name]


def test_all_wrong_settings_are_named_at_once() -> None:
    with pytest.raises(WrongSettings) as caught:
        load_settings({"STRIPE_SECRET_KEY": "sk_live_1", "COUNTERFOIL_PORT": "x"})

    assert {flaw.name for flaw in caught.value.flaws} == {"COUNTERFOIL_PORT", *LIVE} - {
        "STRIPE_SECRET_KEY"
    }


def test_what_is_wrong_with_a_secret_is_said_without_saying_the_secret() -> None:
    with pytest.raises(WrongSettings) as caught:
        load_settings({"STRIPE_SECRET_KEY": "canary1", "COUNTERFOIL_SECRET": "canary2"})

    assert "canary" not in str(caught.value)


def test_without_any_setting_everything_is_sandbox() -> None:
    settings = load_settings({})

    assert settings.is_sandbox
    assert settings.stripe.base_url == "http://127.0.0.1:12111"
    assert settings.public_url == "http://127.0.0.1:8080"
    assert "http://127.0.0.1:8090" in settings.allowed_return_origins


def test_live_settings_are_taken_as_given() -> None:
    settings = load_settings(LIVE)

    assert (settings.stripe.mode, settings.stripe.base_url) == ("live", None)
    assert settings.stripe.webhook_secrets == ("whsec_1", "whsec_2")
    assert settings.allowed_return_origins == {"https://pay.example"}


def test_no_secret_shows_in_the_representation() -> None:
    shown = repr(load_settings({**LIVE, "DATABASE_URL": "postgresql://u:canary@h/d"}))

    for secret in ("canary", "sk_live_1", "whsec_1", "s" * 32, "j" * 32):
        assert secret not in shown


def test_a_secret_may_be_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("f" * 40 + "\n")

    settings = load_settings({"COUNTERFOIL_SECRET_FILE": str(tmp_path / "secret")})

    assert settings.secrets == ("f" * 40,)


def test_development_secrets_are_made_once_and_for_the_owner_only(tmp_path: Path) -> None:
    settings = load_settings({"COUNTERFOIL_DATA_DIR": str(tmp_path)})

    first, second = complete(settings), complete(settings)

    assert first == second
    assert first.stripe.webhook_secrets[0].startswith("whsec_")
    files = list((tmp_path / "secrets").iterdir())
    assert len(files) == 3
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_outside_sandbox_mode_no_secret_is_made_up(tmp_path: Path) -> None:
    settings = load_settings({**LIVE, "COUNTERFOIL_DATA_DIR": str(tmp_path)})

    assert complete(settings) == settings
    assert list(tmp_path.iterdir()) == []
