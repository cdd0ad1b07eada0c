-- Who may no more, for processes that missed the news or heard none (C9): each asks for what came lately.
CREATE TABLE "revocations" (
    "id" UUID NOT NULL,
    "kind" TEXT NOT NULL,
    "project_id" UUID,
    "subject" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "revocations_pkey" PRIMARY KEY ("id")
);
-- What every process asks each second: empty most of the time.
CREATE INDEX "revocations_lately" ON "revocations" ("created_at");
