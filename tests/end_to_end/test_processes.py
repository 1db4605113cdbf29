"""The processes as a person runs them: started, killed, stopped, started again."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.postgres.embedded import remove
from tests.end_to_end.house import VISA, until
from tests.end_to_end.processes import Running, command, environ_of, running


@pytest.fixture
def folder() -> Iterator[Path]:
    """Short, and open to the user that a root's server runs as: unlike pytest's own."""
    path = Path(tempfile.mkdtemp(prefix="cft-run-"))
    (path / "home").mkdir()
    path.chmod(0o755)
    yield path
    remove(path / "data")
    shutil.rmtree(path, ignore_errors=True)


async def bought_and_paid(house: Running) -> Any:
    bought = await house.ask(f"{house.api}/api/payments/checkout-session", {"offer": "thumbnail"})
    paid = f"{house.sandbox}/_sandbox/checkout/{bought['session_id']}/pay"
    await house.ask(paid, {"card": VISA})
    return bought


async def until_job(house: Running, bought: Any, status: str) -> None:
    url = f"{house.api}/api/jobs/{bought['job_id']}"

    async def look() -> str:
        try:
            job = await house.ask(url, token=bought["access_token"])
        except OSError:
            return "unreachable"
        seen: str = job["status"]
        return seen

    await until(look, lambda seen: seen == status, patience_s=30)


async def sales_at_stripe(house: Running) -> int:
    try:
        books = await house.ask(f"{house.sandbox}/_sandbox/books")
    except OSError:
        return -1
    return len(books["payment_intents"])


async def test_from_nothing_to_a_paid_job_through_kill_9_and_a_restart(folder: Path) -> None:
    environ = environ_of(folder)
    async with running(environ, folder) as house:
        first = await bought_and_paid(house)
        await until_job(house, first, "paid")

        # The API and the background process are killed, and started again by the supervisor.
        house.kill("background")
        second = await bought_and_paid(house)
        house.kill("api")
        await until(house.is_ready, bool, patience_s=30)
        await until_job(house, second, "paid")

        # So is the sandbox, which loses nothing that it has answered.
        house.kill("sandbox")
        await until(lambda: sales_at_stripe(house), lambda sales: sales == 2)
        assert await house.stop() == 0

    async with running(environ, folder) as house:
        status, token, _ = await command(environ, "token", "--sub", "w", "--role", "worker")
        assert status == 0
        lease = f"{house.api}/api/jobs/lease"
        leased = [await house.ask(lease, {"wait_s": 5}, token.strip()) for _ in range(2)]
        assert {one["job_id"] for one in leased} == {first["job_id"], second["job_id"]}

        refunded = await command(
            environ, "refund", first["payment_id"], "--reason", "changed their mind"
        )
        assert refunded[0] == 0, refunded
        await until_job(house, first, "refunded")
        again = await command(environ, "refund", first["payment_id"], "--reason", "once more")
        assert (again[0], "At most 0 usd is left" in again[2]) == (1, True)

        moved = await command(environ, "clock", "advance", "2d")
        assert (moved[0], "2 days" in moved[1]) == (0, True), moved
        await until_job(house, second, "refunded")
    said = house.log
    for secret in (folder / "data" / "secrets").iterdir():
        assert secret.read_text() not in said
    assert first["access_token"] not in said


async def test_a_second_run_says_which_ports_are_taken(folder: Path) -> None:
    environ = environ_of(folder)
    async with running(environ, folder):
        status, _, said = await command(environ, "run")

    assert status == 1
    assert environ["COUNTERFOIL_PORT"] in said
    assert environ["COUNTERFOIL_SANDBOX_PORT"] in said
    assert "Traceback" not in said


async def test_a_command_that_finds_no_database_says_so(folder: Path) -> None:
    environ = environ_of(folder, DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")

    status, _, said = await command(environ, "migrate")

    assert status == 1
    assert said.startswith("counterfoil: ")
    assert "Traceback" not in said
