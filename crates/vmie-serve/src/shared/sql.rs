//! What is said to the database, in one place.

/// Waits for the chair; a timeout of its own ends that.
pub(super) const SIT: &str = "SELECT pg_advisory_lock($1, hashtext(current_schema()))";
/// Takes the chair if it is free.
pub(super) const TRY_SIT: &str = "SELECT pg_try_advisory_lock($1, hashtext(current_schema()))";
/// Ends the session that has the chair and said nothing for two leases: where the timeouts of its
/// session did not do that, as in the middle of a message.
pub(super) const UNSEAT: &str = "SELECT pg_terminate_backend(l.pid) \
    FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid \
    WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2 \
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
      AND l.classid::bigint = $1::bigint \
      AND l.objid::bigint = (hashtext(current_schema())::bigint & 4294967295) \
      AND a.pid <> pg_backend_pid() \
      AND a.state_change < clock_timestamp() - $2::bigint * 2 * interval '1 millisecond'";

pub(super) const PROVE: &str = "SELECT 1";
pub(super) const LOAD: &str = "SELECT key, content FROM vmie_records";
pub(super) const PUT: &str = "INSERT INTO vmie_records (key, content) \
    SELECT * FROM unnest($1::text[], $2::bytea[]) \
    ON CONFLICT (key) DO UPDATE SET content = excluded.content";
pub(super) const REMOVE: &str = "DELETE FROM vmie_records WHERE key = ANY($1::text[])";

pub(super) const BEGIN: &str = "INSERT INTO vmie_orders (task, step, attempt, converts, cleans, content) \
    SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bool[], $5::bool[], $6::text[])";
/// An order that nobody has taken goes; one that somebody is at is marked. In this order: an order
/// that is taken meanwhile is marked, then.
pub(super) const WITHDRAW: &str = "DELETE FROM vmie_orders o \
    USING unnest($1::text[], $2::text[], $3::bigint[]) AS a (task, step, attempt) \
    WHERE o.task = a.task AND o.step = a.step AND o.attempt = a.attempt AND o.worker IS NULL";
pub(super) const ABORT: &str = "UPDATE vmie_orders o SET aborted = true \
    FROM unnest($1::text[], $2::text[], $3::bigint[]) AS a (task, step, attempt) \
    WHERE o.task = a.task AND o.step = a.step AND o.attempt = a.attempt";
pub(super) const END: &str = "DELETE FROM vmie_orders WHERE id = ANY($1::bigint[])";
pub(super) const TAKEN: &str = "DELETE FROM vmie_calls WHERE id = ANY($1::text[])";
pub(super) const REPLY: &str = "INSERT INTO vmie_replies (id, server, reply) \
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[])";
pub(super) const NOTIFY: &str = "SELECT pg_notify($1, $2)";

/// Attempts that go on when the chair changes.
pub(super) const RUNNING: &str = "SELECT task, step, attempt FROM vmie_orders WHERE NOT aborted";
/// What workers have said.
pub(super) const NEWS: &str = "SELECT id, task, step, attempt, done, total, result, \
    until < clock_timestamp() AS late FROM vmie_orders WHERE worker IS NOT NULL";
/// Calls of which somebody still hopes for an answer.
pub(super) const CALLS: &str = "SELECT id, server, call FROM vmie_calls \
    WHERE at > clock_timestamp() - interval '60 seconds' ORDER BY place LIMIT $1";
pub(super) const FORGET_CALLS: &str =
    "DELETE FROM vmie_calls WHERE at < clock_timestamp() - interval '2 minutes'";
pub(super) const FORGET_REPLIES: &str =
    "DELETE FROM vmie_replies WHERE at < clock_timestamp() - interval '2 minutes'";

pub(super) const ASK: &str = "INSERT INTO vmie_calls (id, server, call) \
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[])";
pub(super) const ANSWERS: &str = "DELETE FROM vmie_replies WHERE server = $1 RETURNING id, reply";

/// Claims the oldest attempt that may begin: a cleanup waits for all other work at its task, a later
/// attempt for an earlier one that was told to stop.
pub(super) const CLAIM: &str = "UPDATE vmie_orders SET worker = $1, \
      until = clock_timestamp() + $2::bigint * interval '1 millisecond' \
    WHERE id = (SELECT o.id FROM vmie_orders o \
        WHERE o.worker IS NULL AND (NOT o.converts OR $3::bool) \
          AND NOT EXISTS (SELECT FROM vmie_orders p \
            WHERE p.task = o.task AND p.id <> o.id AND p.worker IS NOT NULL AND p.result IS NULL \
              AND (o.cleans OR p.step = o.step)) \
        ORDER BY o.id FOR UPDATE OF o SKIP LOCKED LIMIT 1) \
    RETURNING id, content";
/// Renews a claim. No row: the attempt is over.
pub(super) const RENEW: &str = "UPDATE vmie_orders \
    SET until = clock_timestamp() + $3::bigint * interval '1 millisecond' \
    WHERE id = $1 AND worker = $2 RETURNING aborted";
pub(super) const ABORTED: &str = "SELECT id FROM vmie_orders WHERE worker = $1 AND aborted";
pub(super) const PROGRESS: &str =
    "UPDATE vmie_orders SET done = $3, total = $4 WHERE id = $1 AND worker = $2";
pub(super) const RESULT: &str = "UPDATE vmie_orders SET result = $3 WHERE id = $1 AND worker = $2";
/// Gives a claim back.
pub(super) const RELEASE: &str =
    "UPDATE vmie_orders SET until = '-infinity' WHERE id = $1 AND worker = $2";

/// Wakes the chair: there are calls, or news of orders.
pub(super) const CHAIR: &str = "vmie_chair";
/// Wakes the server that is named in the payload: there are replies.
pub(super) const REPLIES: &str = "vmie_replies";
/// Wakes workers: there are orders, or some are aborted.
pub(super) const WORK: &str = "vmie_work";
