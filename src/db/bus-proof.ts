import type { Db } from './client.js'

/** Tells the other processes that news reached this one `ageMs` ago. */
export async function recordBusProof(db: Db, ageMs: number): Promise<void> {
  // The newest counts, whoever writes last.
  await db.$executeRaw`
    insert into bus_proof (proven_at) values (now() - make_interval(secs => ${ageMs / 1000}))
    on conflict (id) do update set proven_at = excluded.proven_at where bus_proof.proven_at < excluded.proven_at`
}

/** Milliseconds since news last reached any process; null when it never has. */
export async function newestBusProofMs(db: Db): Promise<number | null> {
  const [row] = await db.$queryRaw<{ ms: number }[]>`
    select (extract(epoch from now() - proven_at) * 1000)::float8 as ms from bus_proof`
  return row?.ms ?? null
}
