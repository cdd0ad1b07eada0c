import type { UserRef } from '../protocol/views.js'
import type { Db, Tx } from './client.js'

/**
 * Stores the user of a write from its credential's claims. A name in the claims replaces the stored one; claims without a name (then
 * it equals the id) replace nothing.
 */
export async function ensureUser(db: Db | Tx, user: UserRef): Promise<void> {
  await db.$executeRaw`
    insert into users (id, name) values (${user.id}, ${user.name})
    on conflict (id) do update set name = excluded.name where users.name <> excluded.name and excluded.name <> excluded.id`
}
