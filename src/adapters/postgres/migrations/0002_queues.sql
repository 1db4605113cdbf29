-- What we owe the outside world and have not done yet, and what arrived and is not applied yet.
--
-- The rows are the queue. They are claimed with FOR UPDATE SKIP LOCKED, the attempt is counted
-- when it is claimed (so that a crash counts, too), and only who holds the latest fence may write
-- down the outcome. due_at and lease_until are on the lease clock.

-- Refuses whatever statement it is put in front of. TG_ARGV[0] says why.
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of % is refused: %', lower(TG_OP), TG_TABLE_NAME, TG_ARGV[0]
        USING ERRCODE = 'restrict_violation';
END
$$;

CREATE TABLE outbox (
    id                text        PRIMARY KEY,
    ordinal           bigint      GENERATED ALWAYS AS IDENTITY,
    operation         text        NOT NULL,
    entity_id         text        NOT NULL,
    payment_id        text        NOT NULL REFERENCES payments,
    generation        integer     NOT NULL CHECK (generation > 0),
    idempotency_key   text        NOT NULL UNIQUE CHECK (length(idempotency_key) <= 255),
    parameters        json        NOT NULL,
    -- Of the parameters with sorted keys: the same intent must always carry the same ones.
    parameters_sha256 text        NOT NULL CHECK (parameters_sha256 ~ '^[0-9a-f]{64}$'),
    state             text        NOT NULL,
    attempt           integer     NOT NULL CHECK (attempt >= 0), -- since staged or replayed
    fence             integer     NOT NULL CHECK (fence >= attempt), -- claims ever
    staged_at         timestamptz NOT NULL, -- business clock
    due_at            timestamptz NOT NULL,
    first_sent_at     timestamptz, -- business clock: the age of the key at the provider
    lease_until       timestamptz,
    reason            text,
    -- When it may be claimed: new and due, or left by a claimer whose lease ran out.
    ready_at          timestamptz GENERATED ALWAYS AS (
        CASE state WHEN 'new' THEN due_at WHEN 'sending' THEN lease_until END
    ) STORED,
    CONSTRAINT outbox_state_known CHECK (state IN ('new', 'sending', 'done', 'dead')),
    CONSTRAINT outbox_operation_known CHECK (operation IN (
        'checkout.open', 'checkout.expire', 'refund.create'
    )),
    CONSTRAINT outbox_lease_as_the_state_says CHECK (
        (lease_until IS NOT NULL) = (state = 'sending')
    ),
    CONSTRAINT outbox_sending_was_counted CHECK (
        state <> 'sending' OR (fence > 0 AND first_sent_at IS NOT NULL)
    ),
    -- One intent, one row: this is what makes staging safe to repeat.
    CONSTRAINT outbox_one_per_intent UNIQUE (operation, entity_id, generation)
);

-- The provider serialises calls about one object, and so do we. Losing a race against this index
-- is no error: the unit of work is repeated, and finds the row that won.
CREATE UNIQUE INDEX outbox_one_in_flight ON outbox (payment_id) WHERE state = 'sending';
CREATE INDEX outbox_ready ON outbox (ready_at, ordinal) WHERE ready_at IS NOT NULL;
CREATE INDEX outbox_open_of_payment ON outbox (payment_id, ready_at) WHERE ready_at IS NOT NULL;
CREATE INDEX outbox_dead ON outbox (ordinal) WHERE state = 'dead';

-- What is sent under a key must never change: the provider would refuse it, or do it twice.
CREATE TRIGGER outbox_intent_is_frozen
    BEFORE UPDATE OF operation, entity_id, payment_id, generation, idempotency_key, parameters,
        parameters_sha256, staged_at
    ON outbox FOR EACH STATEMENT EXECUTE FUNCTION refuse('what was staged is sent as it was');

CREATE TABLE inbox (
    event_id    text        PRIMARY KEY,
    kind        text        NOT NULL,
    object_id   text,
    livemode    boolean,
    account     text,
    api_version text,
    created_at  timestamptz, -- the provider's
    payload     text        NOT NULL, -- exactly what was signed
    received_at timestamptz NOT NULL, -- business clock
    due_at      timestamptz NOT NULL,
    state       text        NOT NULL,
    attempt     integer     NOT NULL CHECK (attempt >= 0),
    fence       integer     NOT NULL CHECK (fence >= attempt),
    lease_until timestamptz,
    reason      text,
    ready_at    timestamptz GENERATED ALWAYS AS (
        CASE state
            WHEN 'new' THEN due_at
            WHEN 'parked' THEN due_at
            WHEN 'claimed' THEN lease_until
        END
    ) STORED,
    CONSTRAINT inbox_state_known CHECK (state IN (
        'new', 'claimed', 'parked', 'done', 'ignored', 'dead'
    )),
    CONSTRAINT inbox_lease_as_the_state_says CHECK (
        (lease_until IS NOT NULL) = (state = 'claimed')
    )
);

CREATE INDEX inbox_ready ON inbox (ready_at, event_id) WHERE ready_at IS NOT NULL;
CREATE INDEX inbox_dead ON inbox (received_at) WHERE state = 'dead';

-- lz4 halves the cost of storing an event, where the server was built with it.
DO $$
BEGIN
    IF EXISTS (
        SELECT FROM pg_settings WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)
    ) THEN
        ALTER TABLE inbox ALTER COLUMN payload SET COMPRESSION lz4;
    END IF;
END
$$;
