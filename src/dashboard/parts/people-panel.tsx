import { useState } from 'preact/hooks'
import type { Role } from '../../protocol/views.js'
import type { Room } from '../room.js'
import type { ProjectTab } from '../route.js'
import { useStore } from '../store.js'
import { Avatar } from './avatar.js'
import { MembersDialog } from './members-dialog.js'

const PLACES: Readonly<Record<ProjectTab, string>> = {
  overview: 'on the overview',
  match: 'matching',
  tray: 'matching by hand',
  breaks: 'on the breaks',
  jobs: 'on the jobs',
  import: 'importing',
}

/** Who has the project open, and where. */
export function PeoplePanel({ room, role, userId }: { readonly room: Room; readonly role: Role; readonly userId: string }) {
  const people = useStore(room.people)
  const [isOpen, setOpen] = useState(false)
  return (
    <section class="panel">
      <div class="panel__head">
        <h2>Here now</h2>
        <button type="button" class="link-button" onClick={() => setOpen(true)}>
          {role === 'admin' ? 'Add people' : 'Members'}
        </button>
      </div>
      <ul class="list">
        {people.map(({ user, tab }) => (
          <li key={user.id} class="person">
            <Avatar user={user} isSmall />
            <span class="list__main">
              <span>
                <strong>{user.name}</strong>
                {user.id === userId && <span class="muted"> (you)</span>}
                {tab !== null && <span class="muted"> {PLACES[tab]}</span>}
              </span>
            </span>
          </li>
        ))}
      </ul>
      {isOpen && <MembersDialog room={room} role={role} userId={userId} onClose={() => setOpen(false)} />}
      {people.length <= 1 && <p class="muted small">Others in this project appear here as soon as they open it.</p>}
    </section>
  )
}
