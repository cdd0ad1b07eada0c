-- Review by people: matches of several records, what one request decided (an act), what an undo puts back.

-- A match of several records per side takes several rows: its own, and parts that add the records beyond the first pair. So whatever
-- asks by record (its state, who has taken it, what a job leaves alone) asks as before, and the two unique indexes below guard every
-- record of every match without a trigger. A part has its match's status; it is nothing of its own.
ALTER TABLE "matches" ALTER COLUMN "left_id" DROP NOT NULL;
ALTER TABLE "matches" ALTER COLUMN "right_id" DROP NOT NULL;
ALTER TABLE "matches" ADD COLUMN "part_of" UUID;
-- The act that gave the match its status; null for the engine's own, and again after an undo.
ALTER TABLE "matches" ADD COLUMN "act_id" UUID;
ALTER TABLE "matches" ADD CONSTRAINT "matches_part_of_fkey" FOREIGN KEY ("part_of") REFERENCES "matches" ("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "matches" ADD CONSTRAINT "matches_records" CHECK (
    CASE WHEN "part_of" IS NULL THEN "left_id" IS NOT NULL AND "right_id" IS NOT NULL ELSE num_nonnulls("left_id", "right_id") > 0 END);
-- Partial: what the engine writes in bulk has neither, and pays for neither.
CREATE INDEX "matches_parts" ON "matches" ("part_of") WHERE "part_of" IS NOT NULL;
CREATE INDEX "matches_act" ON "matches" ("act_id") WHERE "act_id" IS NOT NULL;

-- Money is not matched twice: of any cardinality now, not of pairs only.
DROP INDEX "matches_left_once";
DROP INDEX "matches_right_once";
CREATE UNIQUE INDEX "matches_left_once" ON "matches" ("left_id") WHERE "status" = 'confirmed';
CREATE UNIQUE INDEX "matches_right_once" ON "matches" ("right_id") WHERE "status" = 'confirmed';

-- The breaks that a decision resolved, as they were.
ALTER TABLE "decisions" ADD COLUMN "resolved_breaks" JSONB;
ALTER TABLE "decisions" DROP CONSTRAINT "decisions_decision";
ALTER TABLE "decisions" ADD CONSTRAINT "decisions_decision" CHECK ("decision" IN ('confirm', 'reject', 'match', 'remove', 'undo'));

-- The act that opened the break; its undo takes it away again.
ALTER TABLE "breaks" ADD COLUMN "act_id" UUID;
CREATE INDEX "breaks_act" ON "breaks" ("act_id") WHERE "act_id" IS NOT NULL;
