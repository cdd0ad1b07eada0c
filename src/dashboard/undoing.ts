import { api, asApiError } from './api.js'
import { messageOf } from './deciding.js'
import { formatCount } from './format.js'
import { showToast, type Toast } from './toasts.js'

/** As long as the server takes an act back. */
export const UNDO_MS = 10_000

/** Takes these acts back; what came of it is told like any other answer. `onDone`: after the last one. */
export function undoAction(project: string, acts: readonly string[], onDone: () => void = () => {}): NonNullable<Toast['action']> {
  return {
    label: 'Undo',
    key: 'u',
    run: () => {
      void undo(project, acts).then(onDone)
    },
  }
}

async function undo(project: string, acts: readonly string[]): Promise<void> {
  let count = 0
  try {
    for (const act of acts) count += (await api.undo(project, act)).count
    showToast({ text: count === 1 ? 'Taken back' : `Taken back: ${formatCount(count)}`, tone: 'plain', action: null, lastsMs: UNDO_MS / 2 })
  } catch (failure) {
    showToast({ text: messageOf(asApiError(failure)), tone: 'bad', action: null, lastsMs: null })
  }
}
