import '../styles/import.css'
import { useEffect, useRef } from 'preact/hooks'
import { SIDES } from '../../protocol/views.js'
import { api } from '../api.js'
import { canStart, Importing, willHaveBothSides } from '../importing.js'
import { FileCard } from '../parts/file-card.js'
import { SourcesPanel } from '../parts/sources-panel.js'
import type { OpenProjectProps, Room } from '../room.js'
import { routeHref } from '../route.js'
import { useStore } from '../store.js'
import { importFile, previewFile } from '../upload.js'

/** What was chosen stays while somebody looks at another page of the project. */
const importings = new WeakMap<Room, Importing>()

/** Two files, what we make of their columns, and the job that compares them. */
export function ImportPage({ room, state, blocked }: OpenProjectProps) {
  const importing = importingOf(room)
  const imports = useStore(importing.state)
  const { files, isBusy, problem } = imports
  const isMatching = willHaveBothSides(imports, state.summary)
  const isShown = useRef(true)
  useEffect(
    () => () => {
      isShown.current = false
    },
    [],
  )
  const start = async () => {
    // Whoever went elsewhere meanwhile stays there.
    if ((await importing.start(isMatching)) && isShown.current) location.hash = routeHref(room.id)
  }

  const firstEmpty = SIDES.find((side) => files[side].kind === 'empty') ?? 'left'
  useEffect(() => {
    // A file that misses its place is taken all the same: by itself the browser would open it instead of the page.
    const allow = (event: DragEvent) => event.preventDefault()
    const take = (event: DragEvent) => {
      const isTaken = event.defaultPrevented
      event.preventDefault()
      if (!isTaken) importing.choose(firstEmpty, [...(event.dataTransfer?.files ?? [])])
    }
    addEventListener('dragover', allow)
    addEventListener('drop', take)
    return () => {
      removeEventListener('dragover', allow)
      removeEventListener('drop', take)
    }
  }, [firstEmpty, importing])

  const isChosen = SIDES.some((side) => files[side].kind !== 'empty')
  return (
    <>
      <div class="page__head">
        <div>
          <h1>Import</h1>
          <p class="muted">A CSV file for each side. Nothing is stored before you have seen how its columns are read.</p>
        </div>
        <button type="button" class="button button--primary" disabled={!canStart(imports, isMatching)} onClick={() => void start()}>
          {isBusy ? 'Importing…' : isMatching || !isChosen ? 'Import and match' : 'Import this side'}
        </button>
      </div>
      {problem !== null && (
        <p class="notice notice--bad" role="alert">
          {problem}
        </p>
      )}
      <div class="import">
        {SIDES.map((side) => (
          <FileCard
            key={side}
            side={side}
            state={files[side]}
            isBusy={isBusy}
            onFiles={(chosen) => importing.choose(side, chosen)}
            onMapping={(file, mapping, shown) => void importing.read(side, file, mapping, shown)}
            onClear={() => importing.clear(side)}
            onAgain={() => void importing.importOne(side, true)}
          />
        ))}
      </div>
      <SourcesPanel room={room} mayWork={blocked === null} place="import" />
    </>
  )
}

function importingOf(room: Room): Importing {
  const held = importings.get(room)
  if (held !== undefined) return held
  const importing = new Importing({
    preview: (side, file, mapping) => previewFile(room.id, side, file, mapping),
    send: (side, file, options) => importFile(room.id, side, file, options),
    startJob: async () => room.takeJob((await api.startJob(room.id)).job),
  })
  importings.set(room, importing)
  return importing
}
