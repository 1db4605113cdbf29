-- The installation, what is sold, the jobs, and the money that comes in and goes back.
--
-- Instants are timestamptz. A column is on the business clock (which may run ahead in sandbox
-- mode) unless it says otherwise; the lease clock is the database's own, and never jumps.
--
-- Documents are json, not jsonb, wherever what comes back must be what was stored: jsonb loses
-- the order of keys (an offer's first currency is its default), makes an integer of 1e16, and
-- refuses a NUL in a text. jsonb is for what is searched.
--
-- States are CHECKed against a list, and a test compares the list with the lifecycle's enum.

-- One installation for ever: the row can only be this one.
CREATE TABLE installation (
    only_one     boolean     PRIMARY KEY DEFAULT true CHECK (only_one),
    mode         text        NOT NULL CHECK (mode IN ('sandbox', 'test', 'live')),
    account_id   text        NOT NULL,
    instance     text        NOT NULL,
    clock_offset interval    NOT NULL DEFAULT '0' CHECK (clock_offset >= '0'),
    stamped_at   timestamptz NOT NULL DEFAULT now(),
    -- Where money is real, so is time.
    CONSTRAINT clock_is_real CHECK (mode = 'sandbox' OR clock_offset = '0')
);

-- Never deleted: a job refers to its offer by name, and keeps the terms it was bought on itself.
CREATE TABLE offers (
    slug     text COLLATE "C" PRIMARY KEY,
    active   boolean NOT NULL,
    document json    NOT NULL
);

CREATE TABLE jobs (
    id               text        PRIMARY KEY,
    offer            text        NOT NULL,
    owner            text,
    inputs           json        NOT NULL,
    quantity         integer     NOT NULL CHECK (quantity > 0),
    max_attempts     integer     NOT NULL CHECK (max_attempts > 0),
    retry_delay      interval    NOT NULL CHECK (retry_delay >= '0'),
    delivery_time    interval    NOT NULL CHECK (delivery_time > '0'),
    created_at       timestamptz NOT NULL,
    state            text        NOT NULL,
    token_generation integer     NOT NULL CHECK (token_generation > 0),
    attempts         integer     NOT NULL CHECK (attempts >= 0),
    progress         double precision CHECK (progress BETWEEN 0 AND 1),
    result           json,
    failure_reason   text,
    lease_token      text,
    lease_expires_at timestamptz, -- lease clock
    lease_length     interval     CHECK (lease_length > '0'), -- what a heartbeat renews it by
    run_at           timestamptz, -- lease clock
    paid_at          timestamptz,
    started_at       timestamptz,
    completed_at     timestamptz,
    deadline_at      timestamptz,
    version          integer     NOT NULL CHECK (version > 0),
    -- Since when it waits for a worker: paid, or left by one whose lease ran out. Lease clock.
    waits_since      timestamptz GENERATED ALWAYS AS (
        CASE
            WHEN state = 'paid' THEN run_at
            WHEN state = 'processing' AND attempts < max_attempts THEN lease_expires_at
        END
    ) STORED,
    CONSTRAINT jobs_state_known CHECK (state IN (
        'pending', 'paid', 'processing', 'completed', 'failed', 'cancelled', 'refunded'
    )),
    CONSTRAINT jobs_lease_is_whole CHECK (
        (lease_token IS NULL) = (lease_expires_at IS NULL)
        AND (lease_token IS NULL) = (lease_length IS NULL)
    ),
    -- A paid job that could not be leased, or had no deadline, would wait for ever with the money.
    CONSTRAINT jobs_paid_can_end CHECK (
        state NOT IN ('paid', 'processing')
        OR (run_at IS NOT NULL AND deadline_at IS NOT NULL AND paid_at IS NOT NULL)
    ),
    CONSTRAINT jobs_processing_is_leased CHECK (state <> 'processing' OR lease_token IS NOT NULL)
);

-- A lease is the fence of one attempt at one job.
CREATE UNIQUE INDEX jobs_lease_token ON jobs (lease_token) WHERE lease_token IS NOT NULL;
-- Partial, so that claiming does not slow down with the number of jobs done.
CREATE INDEX jobs_waiting ON jobs (waits_since, id) WHERE waits_since IS NOT NULL;
CREATE INDEX jobs_overdue ON jobs (deadline_at, id) WHERE state IN ('paid', 'processing');
CREATE INDEX jobs_exhausted ON jobs (lease_expires_at, id)
    WHERE state = 'processing' AND attempts >= max_attempts;
CREATE INDEX jobs_of_owner ON jobs (owner, created_at) WHERE owner IS NOT NULL;

CREATE TABLE payments (
    id                 text        PRIMARY KEY,
    -- Tells apart what was created at the same instant; gaps mean nothing.
    ordinal            bigint      GENERATED ALWAYS AS IDENTITY,
    job_id             text        NOT NULL REFERENCES jobs,
    amount_minor       bigint      NOT NULL CHECK (amount_minor > 0),
    currency           text        NOT NULL CHECK (currency ~ '^[a-z]{3}$'),
    breakdown          json        NOT NULL,
    created_at         timestamptz NOT NULL,
    success_url        text        NOT NULL,
    cancel_url         text        NOT NULL,
    customer_email     text,
    metadata           json        NOT NULL,
    state              text        NOT NULL,
    dispute            text        NOT NULL,
    session_id         text        UNIQUE,
    session_url        text,
    session_expires_at timestamptz,
    provider_status    text,
    intent_id          text        UNIQUE,
    charge_id          text        UNIQUE,
    captured_minor     bigint      CHECK (captured_minor > 0),
    captured_currency  text        CHECK (captured_currency ~ '^[a-z]{3}$'),
    mismatch_accepted  boolean     NOT NULL,
    returned_minor     bigint      NOT NULL CHECK (returned_minor >= 0),
    paid_at            timestamptz,
    check_due_at       timestamptz,
    checks             integer     NOT NULL CHECK (checks >= 0),
    version            integer     NOT NULL CHECK (version > 0),
    CONSTRAINT payments_state_known CHECK (state IN (
        'pending', 'awaiting_funds', 'paid', 'expired', 'failed', 'held', 'partially_refunded',
        'refunded'
    )),
    CONSTRAINT payments_dispute_known CHECK (dispute IN (
        'none', 'inquiry', 'open', 'won', 'lost'
    )),
    CONSTRAINT payments_session_is_whole CHECK (
        (session_id IS NULL) = (session_expires_at IS NULL)
        AND (session_url IS NULL OR session_id IS NOT NULL)
    ),
    CONSTRAINT payments_captured_is_whole CHECK (
        (captured_minor IS NULL) = (captured_currency IS NULL)
    ),
    -- Money is captured in these states and in no other.
    CONSTRAINT payments_captured_as_the_state_says CHECK (
        (captured_minor IS NOT NULL)
        = (state IN ('paid', 'held', 'partially_refunded', 'refunded'))
    ),
    -- What was captured but not quoted is paid only when a person has let it pass.
    CONSTRAINT payments_paid_as_quoted CHECK (
        state <> 'paid' OR mismatch_accepted
        OR (captured_minor = amount_minor AND captured_currency = currency)
    ),
    CONSTRAINT payments_returned_was_captured CHECK (
        returned_minor <= coalesce(captured_minor, 0)
    ),
    -- For refunds, whose job must be their payment's.
    UNIQUE (id, job_id)
);

-- Two checkouts that could both be paid would take the money twice.
CREATE UNIQUE INDEX payments_one_live_per_job ON payments (job_id)
    WHERE state IN ('pending', 'awaiting_funds');
CREATE INDEX payments_of_job ON payments (job_id, created_at, ordinal);
CREATE INDEX payments_check_due ON payments (check_due_at)
    WHERE state IN ('pending', 'awaiting_funds') AND session_id IS NOT NULL;

-- Why captured money is neither delivered nor on its way back, and since when.
CREATE TABLE payment_holds (
    payment_id text        NOT NULL REFERENCES payments,
    name       text        NOT NULL,
    since      timestamptz NOT NULL,
    PRIMARY KEY (payment_id, name),
    CONSTRAINT payment_holds_name_known CHECK (name IN (
        'amount_mismatch', 'dispute', 'refund_failed', 'refund_awaiting_balance'
    ))
);

-- For whoever looks after them: few rows, oldest first.
CREATE INDEX payment_holds_by_age ON payment_holds (since);

CREATE TABLE refunds (
    id             text        PRIMARY KEY,
    ordinal        bigint      GENERATED ALWAYS AS IDENTITY,
    payment_id     text        NOT NULL,
    job_id         text        NOT NULL,
    amount_minor   bigint      NOT NULL CHECK (amount_minor > 0),
    currency       text        NOT NULL CHECK (currency ~ '^[a-z]{3}$'),
    reason         text        NOT NULL,
    note           text,
    requested_by   text        NOT NULL,
    created_at     timestamptz NOT NULL,
    state          text        NOT NULL,
    provider_id    text        UNIQUE,
    failure_reason text,
    pending_reason text,
    succeeded_at   timestamptz,
    check_due_at   timestamptz,
    checks         integer     NOT NULL CHECK (checks >= 0),
    version        integer     NOT NULL CHECK (version > 0),
    FOREIGN KEY (payment_id, job_id) REFERENCES payments (id, job_id),
    CONSTRAINT refunds_state_known CHECK (state IN (
        'requested', 'awaiting_approval', 'submitted', 'pending', 'requires_action', 'succeeded',
        'failed', 'rejected', 'cancelled', 'settled_otherwise'
    )),
    CONSTRAINT refunds_reason_known CHECK (reason IN (
        'work_failed', 'deadline_missed', 'not_honourable', 'duplicate', 'requested', 'adopted'
    ))
);

CREATE INDEX refunds_of_payment ON refunds (payment_id, created_at, ordinal);
CREATE INDEX refunds_of_job ON refunds (job_id, created_at, ordinal);
CREATE INDEX refunds_check_due ON refunds (check_due_at)
    WHERE state IN ('submitted', 'pending', 'requires_action');

-- A caller's key for one request: the same key and body get the first answer again.
CREATE TABLE idempotency_keys (
    scope         text        NOT NULL,
    key           text        NOT NULL CHECK (length(key) <= 255),
    fingerprint   text        NOT NULL,
    first_used_at timestamptz NOT NULL,
    locked_until  timestamptz, -- lease clock
    job_id        text        REFERENCES jobs,
    answer_status integer     CHECK (answer_status BETWEEN 100 AND 599),
    answer_body   json,
    PRIMARY KEY (scope, key),
    CONSTRAINT idempotency_keys_answer_is_whole CHECK (
        (answer_status IS NULL) = (answer_body IS NULL)
    )
);

CREATE INDEX idempotency_keys_by_age ON idempotency_keys (first_used_at);
