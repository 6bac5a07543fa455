-- What servers and workers share. Names without a schema: the search path of the address says where.
CREATE TABLE IF NOT EXISTS vmie_about (version integer NOT NULL);
INSERT INTO vmie_about SELECT 1 WHERE NOT EXISTS (SELECT FROM vmie_about);

-- The engine's records: a checksum of four bytes, then JSON. They hold secrets.
CREATE TABLE IF NOT EXISTS vmie_records (
    key text PRIMARY KEY,
    content bytea NOT NULL
);

-- Attempts at orders: written by the chair, taken by workers.
CREATE TABLE IF NOT EXISTS vmie_orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    task text NOT NULL,
    step text NOT NULL,
    attempt bigint NOT NULL,
    converts boolean NOT NULL,
    cleans boolean NOT NULL,
    content text NOT NULL,
    -- Nobody wants its result any more.
    aborted boolean NOT NULL DEFAULT false,
    -- Who is at it, and until when it is taken to be alive.
    worker text,
    until timestamptz,
    done bigint NOT NULL DEFAULT 0,
    total bigint NOT NULL DEFAULT 0,
    -- How it ended.
    result text,
    UNIQUE (task, step, attempt)
);

-- Calls that came to a server that has not the chair, and their replies. A crash of the database may
-- lose them: then nothing was promised.
CREATE UNLOGGED TABLE IF NOT EXISTS vmie_calls (
    place bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text NOT NULL UNIQUE,
    server text NOT NULL,
    call text NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE UNLOGGED TABLE IF NOT EXISTS vmie_replies (
    id text PRIMARY KEY,
    server text NOT NULL,
    reply text NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX IF NOT EXISTS vmie_replies_of ON vmie_replies (server);
