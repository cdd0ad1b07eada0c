-- The epoch of the bus that has taken the last news: one that says that it has taken fewer has gone back, and ends (B5).
ALTER TABLE "projects" ADD COLUMN "outbox_epoch" TEXT;
