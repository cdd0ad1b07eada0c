import type { UserRef } from '../../protocol/views.js'
import { Avatar } from './avatar.js'

/** Somebody else has it open: a courtesy, nobody is kept from anything. */
export function OnThis({ user }: { readonly user: UserRef }) {
  return (
    <span class="on-this">
      <Avatar user={user} isSmall />
      <span>{user.name} is on this</span>
    </span>
  )
}
