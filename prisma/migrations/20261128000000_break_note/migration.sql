-- What a person wrote about a break, for whoever reads later why it was resolved.
ALTER TABLE "breaks" ADD COLUMN "note" TEXT;
