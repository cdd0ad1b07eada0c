-- The first slice: people, projects, files and their rows, jobs in chunks, matches, breaks, decisions, outbox.
-- Prisma's part comes first; checks and partial indexes, which its schema cannot say, stand at the end with their reasons.

CREATE TABLE "users" (
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "users_pkey" PRIMARY KEY ("id")
);

CREATE TABLE "credentials" (
    "id" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "user_id" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    CONSTRAINT "credentials_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "credentials_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users" ("id") ON DELETE CASCADE ON UPDATE CASCADE
);
-- For the sweep that deletes what has expired.
CREATE INDEX "credentials_expiry" ON "credentials" ("expires_at");

CREATE TABLE "projects" (
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "currency" TEXT,
    "settings" JSONB NOT NULL DEFAULT '{}',
    "outbox_no" BIGINT NOT NULL DEFAULT 0,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "version" INTEGER NOT NULL DEFAULT 1,
    CONSTRAINT "projects_pkey" PRIMARY KEY ("id")
);

CREATE TABLE "members" (
    "project_id" UUID NOT NULL,
    "user_id" TEXT NOT NULL,
    "role" TEXT NOT NULL,
    "version" INTEGER NOT NULL DEFAULT 1,
    CONSTRAINT "members_pkey" PRIMARY KEY ("project_id", "user_id"),
    CONSTRAINT "members_project_id_fkey" FOREIGN KEY ("project_id") REFERENCES "projects" ("id") ON DELETE CASCADE ON UPDATE CASCADE,
    CONSTRAINT "members_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users" ("id") ON DELETE CASCADE ON UPDATE CASCADE
);
-- "my projects": the list every sign-in begins with.
CREATE INDEX "members_user" ON "members" ("user_id");

CREATE TABLE "sources" (
    "id" UUID NOT NULL,
    "project_id" UUID NOT NULL,
    "side" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "format" TEXT NOT NULL,
    "mapping" JSONB NOT NULL,
    "hash" TEXT NOT NULL,
    "state" TEXT NOT NULL,
    "accepted_rows" INTEGER NOT NULL DEFAULT 0,
    "warning_rows" INTEGER NOT NULL DEFAULT 0,
    "rejected_rows" INTEGER NOT NULL DEFAULT 0,
    "created_by" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "touched_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "version" INTEGER NOT NULL DEFAULT 1,
    CONSTRAINT "sources_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "sources_project_id_fkey" FOREIGN KEY ("project_id") REFERENCES "projects" ("id") ON DELETE CASCADE ON UPDATE CASCADE
);
-- The project's list of files, by keyset.
CREATE INDEX "sources_project" ON "sources" ("project_id", "id");

CREATE TABLE "source_problems" (
    "source_id" UUID NOT NULL,
    "row_no" INTEGER NOT NULL,
    "no" INTEGER NOT NULL,
    "level" TEXT NOT NULL,
    "column" TEXT,
    "message" TEXT NOT NULL,
    "cells" JSONB,
    CONSTRAINT "source_problems_pkey" PRIMARY KEY ("source_id", "row_no", "no"),
    CONSTRAINT "source_problems_source_id_fkey" FOREIGN KEY ("source_id") REFERENCES "sources" ("id") ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE "records" (
    "id" UUID NOT NULL,
    "project_id" UUID NOT NULL,
    "source_id" UUID NOT NULL,
    "side" TEXT NOT NULL,
    "row_no" INTEGER NOT NULL,
    "external_id" TEXT,
    "occurrence_no" INTEGER NOT NULL DEFAULT 0,
    "reference" TEXT,
    "counterparty" TEXT,
    "memo" TEXT,
    "amount" DECIMAL(38,12),
    "amount_minor" BIGINT,
    "currency" TEXT,
    "value_date" DATE,
    CONSTRAINT "records_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "records_source_id_fkey" FOREIGN KEY ("source_id") REFERENCES "sources" ("id") ON DELETE CASCADE ON UPDATE CASCADE
);
-- A row of a file is stored once, however often a batch is tried.
CREATE UNIQUE INDEX "records_source_row" ON "records" ("source_id", "row_no");
-- A job reads a side in pages by keyset; so does the list of records.
CREATE INDEX "records_project_side" ON "records" ("project_id", "side", "id");

CREATE TABLE "record_payloads" (
    "record_id" UUID NOT NULL,
    "payload" JSONB NOT NULL,
    CONSTRAINT "record_payloads_pkey" PRIMARY KEY ("record_id"),
    CONSTRAINT "record_payloads_record_id_fkey" FOREIGN KEY ("record_id") REFERENCES "records" ("id") ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE "rule_sets" (
    "id" UUID NOT NULL,
    "project_id" UUID NOT NULL,
    "version" INTEGER NOT NULL,
    "definition" JSONB NOT NULL,
    "hash" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "rule_sets_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "rule_sets_project_id_fkey" FOREIGN KEY ("project_id") REFERENCES "projects" ("id") ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE UNIQUE INDEX "rule_sets_version" ON "rule_sets" ("project_id", "version");
-- The same rules again are the same version.
CREATE UNIQUE INDEX "rule_sets_hash" ON "rule_sets" ("project_id", "hash");

CREATE TABLE "jobs" (
    "id" UUID NOT NULL,
    "project_id" UUID NOT NULL,
    "kind" TEXT NOT NULL,
    "state" TEXT NOT NULL,
    "dry_run" BOOLEAN NOT NULL DEFAULT false,
    "rule_set_id" UUID,
    "settings" JSONB NOT NULL DEFAULT '{}',
    "progress" JSONB NOT NULL DEFAULT '{}',
    "phase" TEXT NOT NULL DEFAULT 'queued',
    "processed" BIGINT NOT NULL DEFAULT 0,
    "total" BIGINT NOT NULL DEFAULT 0,
    "matched" BIGINT NOT NULL DEFAULT 0,
    "suggested" BIGINT NOT NULL DEFAULT 0,
    "break_count" BIGINT NOT NULL DEFAULT 0,
    "control_totals" JSONB,
    "result_hash" TEXT,
    "error" JSONB,
    "request_id" TEXT,
    "created_by" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "started_at" TIMESTAMPTZ(3),
    "ended_at" TIMESTAMPTZ(3),
    "version" INTEGER NOT NULL DEFAULT 1,
    CONSTRAINT "jobs_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "jobs_project_id_fkey" FOREIGN KEY ("project_id") REFERENCES "projects" ("id") ON DELETE CASCADE ON UPDATE CASCADE,
    CONSTRAINT "jobs_rule_set_id_fkey" FOREIGN KEY ("rule_set_id") REFERENCES "rule_sets" ("id") ON DELETE SET NULL ON UPDATE CASCADE
);
-- The project's jobs, newest first: UUIDv7 ids are in order of time.
CREATE INDEX "jobs_project" ON "jobs" ("project_id", "id");

CREATE TABLE "job_chunks" (
    "job_id" UUID NOT NULL,
    "stage" INTEGER NOT NULL,
    "chunk" INTEGER NOT NULL,
    "state" TEXT NOT NULL DEFAULT 'waiting',
    "weight" BIGINT NOT NULL,
    "attempt" INTEGER NOT NULL DEFAULT 0,
    "lease_owner" TEXT,
    "lease_until" TIMESTAMPTZ(3),
    "output" BYTEA,
    "error" JSONB,
    CONSTRAINT "job_chunks_pkey" PRIMARY KEY ("job_id", "stage", "chunk"),
    CONSTRAINT "job_chunks_job_id_fkey" FOREIGN KEY ("job_id") REFERENCES "jobs" ("id") ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE "matches" (
    "id" UUID NOT NULL,
    "project_id" UUID NOT NULL,
    "job_id" UUID,
    "rule" TEXT NOT NULL,
    "cardinality" TEXT NOT NULL,
    "left_id" UUID NOT NULL,
    "right_id" UUID NOT NULL,
    "confidence" DECIMAL(6,5) NOT NULL,
    "amount_difference" DECIMAL(38,12),
    "explanation" JSONB NOT NULL,
    "status" TEXT NOT NULL,
    "automatic" BOOLEAN NOT NULL,
    "decided_by" TEXT,
    "decided_at" TIMESTAMPTZ(3),
    "version" INTEGER NOT NULL DEFAULT 1,
    CONSTRAINT "matches_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "matches_project_id_fkey" FOREIGN KEY ("project_id") REFERENCES "projects" ("id") ON DELETE CASCADE ON UPDATE CASCADE,
    CONSTRAINT "matches_job_id_fkey" FOREIGN KEY ("job_id") REFERENCES "jobs" ("id") ON DELETE SET NULL ON UPDATE CASCADE,
    CONSTRAINT "matches_left_id_fkey" FOREIGN KEY ("left_id") REFERENCES "records" ("id") ON DELETE CASCADE ON UPDATE CASCADE,
    CONSTRAINT "matches_right_id_fkey" FOREIGN KEY ("right_id") REFERENCES "records" ("id") ON DELETE CASCADE ON UPDATE CASCADE
);
-- The review list: one status, highest confidence first, by keyset.
CREATE INDEX "matches_by_confidence" ON "matches" ("project_id", "status", "confidence" DESC, "id");
-- A record's state and its alternatives follow from its matches; deleting a source cascades here.
CREATE INDEX "matches_left" ON "matches" ("left_id");
CREATE INDEX "matches_right" ON "matches" ("right_id");
-- A job's own results, to hash them and to discard them.
CREATE INDEX "matches_job" ON "matches" ("job_id");

CREATE TABLE "decisions" (
    "id" UUID NOT NULL,
    "project_id" UUID NOT NULL,
    "match_id" UUID NOT NULL,
    "user_id" TEXT NOT NULL,
    "decision" TEXT NOT NULL,
    "note" TEXT,
    "version" INTEGER NOT NULL,
    "request_id" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "decisions_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "decisions_match_id_fkey" FOREIGN KEY ("match_id") REFERENCES "matches" ("id") ON DELETE CASCADE ON UPDATE CASCADE
);
-- One decision makes one version: the second writer of two at once fails here if it passed everywhere else.
CREATE UNIQUE INDEX "decisions_match_version" ON "decisions" ("match_id", "version");

CREATE TABLE "breaks" (
    "id" UUID NOT NULL,
    "project_id" UUID NOT NULL,
    "job_id" UUID,
    "record_id" UUID NOT NULL,
    "side" TEXT NOT NULL,
    "reason" TEXT NOT NULL,
    "nearest_miss" JSONB,
    "assignee" TEXT,
    "due_at" TIMESTAMPTZ(3),
    "status" TEXT NOT NULL DEFAULT 'open',
    "version" INTEGER NOT NULL DEFAULT 1,
    CONSTRAINT "breaks_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "breaks_project_id_fkey" FOREIGN KEY ("project_id") REFERENCES "projects" ("id") ON DELETE CASCADE ON UPDATE CASCADE,
    CONSTRAINT "breaks_job_id_fkey" FOREIGN KEY ("job_id") REFERENCES "jobs" ("id") ON DELETE SET NULL ON UPDATE CASCADE,
    CONSTRAINT "breaks_record_id_fkey" FOREIGN KEY ("record_id") REFERENCES "records" ("id") ON DELETE CASCADE ON UPDATE CASCADE
);
-- A record is broken once, not once per run.
CREATE UNIQUE INDEX "breaks_record" ON "breaks" ("record_id");
-- The list of breaks by status, by keyset.
CREATE INDEX "breaks_project" ON "breaks" ("project_id", "status", "id");
CREATE INDEX "breaks_job" ON "breaks" ("job_id");

CREATE TABLE "outbox" (
    "project_id" UUID NOT NULL,
    "no" BIGINT NOT NULL,
    "event_id" UUID NOT NULL,
    "type" TEXT NOT NULL,
    "body" TEXT NOT NULL,
    "clears_key" TEXT,
    "clears_version" INTEGER,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "published_at" TIMESTAMPTZ(3),
    CONSTRAINT "outbox_pkey" PRIMARY KEY ("project_id", "no"),
    CONSTRAINT "outbox_project_id_fkey" FOREIGN KEY ("project_id") REFERENCES "projects" ("id") ON DELETE CASCADE ON UPDATE CASCADE
);

-- What Prisma's schema cannot say ------------------------------------------------------------------------------------

-- Lists of states: a value that the code does not know must not get in by any door.
ALTER TABLE "credentials" ADD CONSTRAINT "credentials_kind" CHECK ("kind" IN ('code', 'session'));
ALTER TABLE "members" ADD CONSTRAINT "members_role" CHECK ("role" IN ('viewer', 'analyst', 'approver', 'admin'));
ALTER TABLE "sources" ADD CONSTRAINT "sources_side" CHECK ("side" IN ('left', 'right'));
ALTER TABLE "sources" ADD CONSTRAINT "sources_state" CHECK ("state" IN ('importing', 'ready', 'failed'));
ALTER TABLE "source_problems" ADD CONSTRAINT "source_problems_level" CHECK ("level" IN ('warning', 'rejected'));
ALTER TABLE "records" ADD CONSTRAINT "records_side" CHECK ("side" IN ('left', 'right'));
ALTER TABLE "jobs" ADD CONSTRAINT "jobs_state" CHECK ("state" IN ('queued', 'running', 'completed', 'failed', 'cancelled'));
ALTER TABLE "job_chunks" ADD CONSTRAINT "job_chunks_state" CHECK ("state" IN ('waiting', 'done', 'failed'));
ALTER TABLE "matches" ADD CONSTRAINT "matches_status" CHECK ("status" IN ('proposed', 'confirmed', 'rejected', 'removed'));
ALTER TABLE "matches" ADD CONSTRAINT "matches_cardinality" CHECK ("cardinality" IN ('1:1', '1:N', 'N:1', 'N:M'));
ALTER TABLE "decisions" ADD CONSTRAINT "decisions_decision" CHECK ("decision" IN ('confirm', 'reject'));
ALTER TABLE "breaks" ADD CONSTRAINT "breaks_side" CHECK ("side" IN ('left', 'right'));
ALTER TABLE "breaks" ADD CONSTRAINT "breaks_status" CHECK ("status" IN ('open', 'resolved'));

-- An amount needs a currency: `XXX` is one.
ALTER TABLE "records" ADD CONSTRAINT "records_amount_has_currency" CHECK ("amount" IS NULL OR "currency" IS NOT NULL);
-- Progress cannot lie: never beyond its total.
ALTER TABLE "jobs" ADD CONSTRAINT "jobs_processed" CHECK ("processed" BETWEEN 0 AND "total");
ALTER TABLE "matches" ADD CONSTRAINT "matches_confidence" CHECK ("confidence" BETWEEN 0 AND 1);

-- Money is not matched twice, whoever decides and however many at once.
CREATE UNIQUE INDEX "matches_left_once" ON "matches" ("left_id") WHERE "status" = 'confirmed' AND "cardinality" = '1:1';
CREATE UNIQUE INDEX "matches_right_once" ON "matches" ("right_id") WHERE "status" = 'confirmed' AND "cardinality" = '1:1';
-- One running match job per project; a second one waits in the queue.
CREATE UNIQUE INDEX "jobs_one_running" ON "jobs" ("project_id") WHERE "state" = 'running' AND "kind" = 'match';
-- What the queue looks at on every turn: few rows, whatever the history.
CREATE INDEX "jobs_active" ON "jobs" ("id") WHERE "state" IN ('queued', 'running');
CREATE INDEX "job_chunks_waiting" ON "job_chunks" ("job_id", "stage", "chunk") WHERE "state" = 'waiting';
-- What the outbox sweep looks at every second: empty most of the time.
CREATE INDEX "outbox_pending" ON "outbox" ("project_id", "no") WHERE "published_at" IS NULL;
