/** A record as the engine takes it: what identifies it and what is compared. No database, no clock. */
export interface EngineRecord {
  readonly externalId: string | null
  readonly reference: string | null
  readonly counterparty: string | null
  readonly memo: string | null
  /** Exact decimal text, or null: then it has no part in amounts. */
  readonly amount: string | null
  /** ISO 4217; `XXX` for none. Null only where the amount is null. */
  readonly currency: string | null
  /** Civil days since 1970-01-01, or null. */
  readonly day: number | null
}
