-- When news last reached any process: a process that hears nothing learns here whether the others do (D9). One row.
CREATE TABLE "bus_proof" (
    "id" INTEGER NOT NULL DEFAULT 1,
    "proven_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "bus_proof_pkey" PRIMARY KEY ("id")
);
