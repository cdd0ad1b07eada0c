import { formatClock } from '../format.js'
import type { Room } from '../room.js'
import { useStore } from '../store.js'

/** What people and jobs do, as it happens. */
export function ActivityPanel({ room }: { readonly room: Room }) {
  const activity = useStore(room.activity)
  return (
    <section class="panel">
      <h2>Activity</h2>
      {activity.length === 0 ? (
        <p class="muted">What people do here appears as it happens.</p>
      ) : (
        <ul class="list">
          {activity.map((entry) => (
            <li key={entry.id}>
              <span class="muted small nowrap">{formatClock(entry.at)}</span>
              <span class="list__main">
                {entry.who === null ? (
                  entry.text
                ) : (
                  <>
                    <strong>{entry.who}</strong> {entry.text}
                  </>
                )}
              </span>
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}
