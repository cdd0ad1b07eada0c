-- What is published while Redis is away waits in the outbox, under the id that its publisher gave it, each publish as a whole.
ALTER TABLE "outbox"
    ALTER COLUMN "event_id" TYPE TEXT,
    ADD COLUMN "origin" TEXT,
    ADD COLUMN "batch_end" BIGINT;
