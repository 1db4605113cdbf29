-- What may never be rewritten: where every unit of money is, and who did what to what.

CREATE TABLE ledger_transfers (
    id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source_id  text        NOT NULL,
    kind       text        NOT NULL,
    payment_id text        NOT NULL REFERENCES payments,
    at         timestamptz NOT NULL,
    CONSTRAINT ledger_transfers_kind_known CHECK (kind IN (
        'capture', 'earning', 'refund_request', 'refund_return', 'refund_request_reversal',
        'refund_return_reversal'
    )),
    -- The same money event is posted once, for ever.
    CONSTRAINT ledger_transfers_posted_once UNIQUE (source_id, kind)
);

CREATE INDEX ledger_transfers_of_payment ON ledger_transfers (payment_id);

-- One leg of a transfer. Debits are above zero, credits below.
CREATE TABLE ledger_entries (
    transfer_id  bigint  NOT NULL REFERENCES ledger_transfers,
    leg          integer NOT NULL CHECK (leg > 0),
    account      text    NOT NULL,
    amount_minor bigint  NOT NULL CHECK (amount_minor <> 0),
    currency     text    NOT NULL CHECK (currency ~ '^[a-z]{3}$'),
    PRIMARY KEY (transfer_id, leg),
    CONSTRAINT ledger_entries_account_known CHECK (account IN (
        'provider_clearing', 'customer_prepaid', 'revenue', 'refund_clearing'
    ))
);

-- Currencies are never added up, so each must come to zero by itself.
CREATE FUNCTION check_transfer_balances() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    checked bigint := CASE TG_TABLE_NAME
        WHEN 'ledger_transfers' THEN (to_jsonb(NEW) ->> 'id')::bigint
        ELSE (to_jsonb(NEW) ->> 'transfer_id')::bigint
    END;
BEGIN
    IF NOT EXISTS (SELECT FROM ledger_entries WHERE transfer_id = checked) THEN
        RAISE EXCEPTION 'transfer % moves nothing', checked USING ERRCODE = 'check_violation';
    END IF;
    IF EXISTS (
        SELECT FROM ledger_entries
         WHERE transfer_id = checked
         GROUP BY currency
        HAVING sum(amount_minor) <> 0
    ) THEN
        RAISE EXCEPTION 'transfer % does not come to zero', checked
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END
$$;

-- At the commit, when all the legs are there.
CREATE CONSTRAINT TRIGGER ledger_transfers_balance
    AFTER INSERT ON ledger_transfers DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION check_transfer_balances();
CREATE CONSTRAINT TRIGGER ledger_entries_balance
    AFTER INSERT ON ledger_entries DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION check_transfer_balances();

CREATE TABLE audit_changes (
    entity_kind text        NOT NULL CHECK (entity_kind IN ('job', 'payment', 'refund')),
    entity_id   text        NOT NULL,
    version     integer     NOT NULL CHECK (version > 0),
    at          timestamptz NOT NULL,
    by          text        NOT NULL,
    event       text        NOT NULL,
    before      text,
    after       text        NOT NULL,
    facts       jsonb       NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    -- Nobody can have changed the same version of something to two different next ones.
    PRIMARY KEY (entity_kind, entity_id, version),
    CONSTRAINT audit_changes_begin_at_one CHECK ((before IS NULL) = (version = 1))
);

-- Worth keeping, although it changed nothing.
CREATE TABLE audit_notes (
    id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    entity_kind text        NOT NULL,
    entity_id   text        NOT NULL,
    at          timestamptz NOT NULL,
    by          text        NOT NULL,
    event       text        NOT NULL,
    facts       jsonb       NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX audit_notes_of_entity ON audit_notes (entity_kind, entity_id);

-- A correction is a new row.
CREATE TRIGGER ledger_transfers_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_transfers
    FOR EACH STATEMENT EXECUTE FUNCTION refuse('the ledger is append-only');
CREATE TRIGGER ledger_entries_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_entries
    FOR EACH STATEMENT EXECUTE FUNCTION refuse('the ledger is append-only');
CREATE TRIGGER audit_changes_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_changes
    FOR EACH STATEMENT EXECUTE FUNCTION refuse('the audit is append-only');
CREATE TRIGGER audit_notes_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_notes
    FOR EACH STATEMENT EXECUTE FUNCTION refuse('the audit is append-only');
