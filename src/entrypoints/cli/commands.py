"""The command line: what there is to say, and who does it."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from domain.shared.errors import DomainError, StorageUnavailable
from entrypoints.cli.errors import CannotStart
from entrypoints.development_secrets import complete
from entrypoints.logging_setup import set_up_logging
from entrypoints.offer_files import WrongOffers, duration
from entrypoints.settings import Settings, WrongSettings, load_settings

EXIT_REFUSED: Final = 1
EXIT_WRONG_SETTINGS: Final = 2
EXIT_INTERRUPTED: Final = 130

Command = Callable[[Settings, argparse.Namespace], int]


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parser().parse_args(argv)
    try:
        settings = load_settings(os.environ)
    except WrongSettings as wrong:
        return _tell_wrong_settings(wrong)
    set_up_logging(settings.log_format)
    command: Command = arguments.command
    try:
        return command(settings, arguments)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except (CannotStart, DomainError, WrongOffers) as error:
        print(f"counterfoil: {error}", file=sys.stderr)
        if isinstance(error, StorageUnavailable) and settings.database_url:
            print(
                "Is the database in DATABASE_URL running, and the address right?", file=sys.stderr
            )
        return EXIT_REFUSED


def _tell_wrong_settings(wrong: WrongSettings) -> int:
    print("counterfoil: nothing was started, for these settings are wrong:", file=sys.stderr)
    for flaw in wrong.flaws:
        print(f"  {flaw.name} {flaw.detail}", file=sys.stderr)
    return EXIT_WRONG_SETTINGS


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="counterfoil",
        description="Sells jobs: takes the money through Stripe, hands the paid job to a worker, "
        "and gives the money back by itself when the work fails.",
        epilog="Settings come from the environment; docs/settings.md lists them. "
        "Without any, everything runs here: an embedded PostgreSQL and a Stripe sandbox.",
    )
    commands = top.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_processes(commands)
    _add_chores(commands)
    return top


Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001  argparse has no public name for it


def _add(commands: Subparsers, name: str, about: str, command: Command) -> argparse.ArgumentParser:
    added: argparse.ArgumentParser = commands.add_parser(name, help=about, description=about)
    added.set_defaults(command=command)
    return added


def _add_processes(commands: Subparsers) -> None:
    run = _add(commands, "run", "start everything: database, sandbox, API, background", _run)
    run.add_argument(
        "--also",
        action="append",
        default=[],
        metavar="COMMAND",
        help="another command to run beside them; may be given several times. It finds our address "
        "in API_URL and a bearer token with the role worker in WORKER_TOKEN",
    )
    _add(commands, "api", "serve the HTTP API", _api)
    _add(commands, "background", "apply events, send effects, keep deadlines", _background)
    _add(commands, "sandbox", "serve the Stripe sandbox, alone", _sandbox).add_argument(
        "--webhook-url", metavar="URL", help="where it delivers events (default: our API)"
    )


def _add_chores(commands: Subparsers) -> None:
    _add(commands, "migrate", "bring the database's schema up to date", _migrate)
    _add(commands, "check", "check the settings and the offers, and start nothing", _check)
    token = _add(commands, "token", "print a bearer token made with the local secret", _token)
    token.add_argument("--sub", required=True, metavar="SUBJECT", help="whose token it is")
    token.add_argument("--role", action="append", default=[], choices=["admin", "worker"])
    token.add_argument("--lasts", default="12h", type=_duration, metavar="DURATION")
    offers = commands.add_parser("offers", help="what is sold", description="what is sold")
    load = offers.add_subparsers(required=True, metavar="COMMAND")
    _add(load, "load", "read the offers file and sell what it says", _load_offers)
    refund = _add(commands, "refund", "give a payment's money back", _refund)
    refund.add_argument("payment", metavar="PAYMENT", help="pay_…")
    refund.add_argument("--reason", required=True, help="why, in your words; kept in the audit")
    refund.add_argument(
        "--amount", type=int, metavar="MINOR", help="a part of it, in minor units; else all"
    )
    clock = commands.add_parser(
        "clock", help="the sandbox's clock and ours", description="the sandbox's clock and ours"
    )
    hands = clock.add_subparsers(required=True, metavar="COMMAND")
    advance = _add(hands, "advance", "move both clocks forward (sandbox mode only)", _advance)
    advance.add_argument("by", type=_duration, metavar="DURATION", help="90s, 30m, 6h or 3d")


def _duration(text: str) -> object:
    try:
        return duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _run(settings: Settings, arguments: argparse.Namespace) -> int:
    from entrypoints.cli.supervisor import run_everything

    return run_everything(complete(settings), also=arguments.also)


def _api(settings: Settings, _: argparse.Namespace) -> int:
    from entrypoints.cli.processes import serve_api

    return serve_api(complete(settings))


def _background(settings: Settings, _: argparse.Namespace) -> int:
    from entrypoints.cli.processes import work_in_background

    return work_in_background(complete(settings))


def _sandbox(settings: Settings, arguments: argparse.Namespace) -> int:
    from entrypoints.cli.processes import serve_sandbox

    return serve_sandbox(complete(settings), webhook_url=arguments.webhook_url)


def _migrate(settings: Settings, _: argparse.Namespace) -> int:
    from entrypoints.cli.chores import migrate

    return migrate(settings)


def _check(settings: Settings, _: argparse.Namespace) -> int:
    from entrypoints.cli.chores import check

    return check(settings)


def _token(settings: Settings, arguments: argparse.Namespace) -> int:
    from entrypoints.cli.chores import token

    return token(complete(settings), arguments.sub, arguments.role, arguments.lasts)


def _load_offers(settings: Settings, _: argparse.Namespace) -> int:
    from entrypoints.cli.chores import load_offers

    return load_offers(complete(settings))


def _refund(settings: Settings, arguments: argparse.Namespace) -> int:
    from entrypoints.cli.chores import refund

    return refund(complete(settings), arguments.payment, arguments.amount, arguments.reason)


def _advance(settings: Settings, arguments: argparse.Namespace) -> int:
    from entrypoints.cli.chores import advance_clock

    return advance_clock(complete(settings), arguments.by)
