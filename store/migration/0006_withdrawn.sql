-- Where a notice stands: 0 it waits or was sent, 4 it is not to be sent any more.
ALTER TABLE outbox ADD COLUMN state INTEGER NOT NULL DEFAULT 0;

-- Nobody is told any more of a debit that is being undone (state 4) or is (5).
UPDATE outbox SET state = 4 WHERE kind = 1 AND sent = 0 AND txn IN (SELECT id FROM txn WHERE state IN (4, 5));
