import { announce } from './announce.js'
import { Store } from './store.js'

/** What the page answers to an act, at its lower edge. */
export interface Toast {
  readonly text: string
  readonly tone: 'plain' | 'bad'
  /** The one thing that can be done about it. */
  readonly action: { readonly label: string; readonly key: string | null; readonly run: () => void } | null
  /** Gone after so long; null: when it is dismissed. */
  readonly lastsMs: number | null
}

/** One at a time: the newest is what matters. */
export const toast = new Store<Toast | null>(null)

let timer: ReturnType<typeof setTimeout> | undefined

export function showToast(news: Toast): void {
  clearTimeout(timer)
  toast.set(news)
  announce(news.text, 'answer')
  if (news.lastsMs !== null) timer = setTimeout(hideToast, news.lastsMs)
}

export function hideToast(): void {
  clearTimeout(timer)
  toast.set(null)
}
