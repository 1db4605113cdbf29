"""Many databases on one server."""

import subprocess

import asyncpg
import pytest

from adapters.postgres.embedded import (
    Attachment,
    binary,
    create_database,
    database_dsn,
    drop_database,
)


@pytest.fixture
def dsn(running: Attachment) -> str:
    return running.dsn


async def answer(dsn: str, question: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


async def test_a_database_is_made_from_a_template(dsn: str) -> None:
    template = await create_database(dsn, "template")
    await answer(template, "CREATE TABLE offers AS SELECT 7 AS id")

    copy = await create_database(dsn, "copy", template="template")

    assert await answer(copy, "SELECT id FROM offers") == 7


@pytest.mark.parametrize(
    "name", ['quo"te', "semi; DROP DATABASE counterfoil", "UPPER", "späte/r?x=1#y", "50%", "a b"]
)
async def test_any_name_is_a_name_and_nothing_more(dsn: str, name: str) -> None:
    made = await create_database(dsn, name)

    assert await answer(made, "SELECT current_database()") == name
    await drop_database(dsn, name)
    with pytest.raises(asyncpg.InvalidCatalogNameError):
        await asyncpg.connect(made)


@pytest.mark.parametrize("name", ["", "nul\0", "x" * 64, "ä" * 32])
async def test_a_name_which_would_be_cut_off_is_refused(dsn: str, name: str) -> None:
    with pytest.raises(ValueError, match="not a database name"):
        await create_database(dsn, name)


async def test_a_database_is_dropped_with_its_clients_and_dropping_it_again_is_harmless(
    dsn: str,
) -> None:
    client = await asyncpg.connect(await create_database(dsn, "busy"))

    await drop_database(dsn, "busy")
    await drop_database(dsn, "busy")

    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await client.fetchval("SELECT 1")
    client.terminate()


async def test_the_environment_has_no_say(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "PGPORT": "1",
        "PGHOST": "nowhere",
        "PGUSER": "x",
        "PGSSLMODE": "require",
    }.items():
        monkeypatch.setenv(name, value)

    assert await answer(dsn, "SELECT current_user") == "counterfoil"


def test_the_wheels_client_programs_understand_the_dsn(dsn: str) -> None:
    for command in (["psql", "--command", "SELECT 1", dsn], ["pg_dump", "--schema-only", dsn]):
        subprocess.run([binary(command[0]), *command[1:]], check=True, capture_output=True)


def test_a_dsn_of_another_database_keeps_everything_else() -> None:
    dsn = "postgresql://counterfoil@/counterfoil?host=%2Ftmp%2Fx&port=5432"

    assert database_dsn(dsn, "other") == "postgresql://counterfoil@/other?host=%2Ftmp%2Fx&port=5432"
