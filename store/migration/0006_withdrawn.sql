-- Where a notice stands: 0 it waits or was sent, 4 it is not to be sent any more.
ALTER TABLE outbox ADD COLUMN state INTEGER NOT NULL DEFAULT 0;
