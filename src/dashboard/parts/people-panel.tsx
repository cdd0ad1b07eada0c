import type { Room } from '../room.js'
import type { ProjectTab } from '../route.js'
import { useStore } from '../store.js'
import { Avatar } from './avatar.js'

const PLACES: Readonly<Record<ProjectTab, string>> = {
  overview: 'on the overview',
  match: 'matching',
  tray: 'matching by hand',
  breaks: 'on the breaks',
  jobs: 'on the jobs',
  import: 'importing',
}

/** Who has the project open, and where. */
export function PeoplePanel({ room, userId }: { readonly room: Room; readonly userId: string }) {
  const people = useStore(room.people)
  return (
    <section class="panel">
      <h2>Here now</h2>
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
      {people.length <= 1 && <p class="muted small">Others in this project appear here as soon as they open it.</p>}
    </section>
  )
}
