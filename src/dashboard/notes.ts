// Notes that somebody has begun and not sent: they survive a conflict, another page and the end of the session. Only their own tab
// knows them, and signing out forgets them.

const PREFIX = 'tallyroom.note.'

export function noteOf(id: string): string {
  return sessionStorage.getItem(`${PREFIX}${id}`) ?? ''
}

export function keepNote(id: string, text: string): void {
  if (text === '') sessionStorage.removeItem(`${PREFIX}${id}`)
  else sessionStorage.setItem(`${PREFIX}${id}`, text)
}

export function forgetNotes(): void {
  for (const key of Object.keys(sessionStorage)) if (key.startsWith(PREFIX)) sessionStorage.removeItem(key)
}

/** What a note becomes with the text that stands in its field; nothing where it says the same. */
export function noteChange(text: string, stored: string | null): { readonly note?: string | null } {
  const note = text.trim()
  return note === (stored ?? '') ? {} : { note: note === '' ? null : note }
}

/** Forgets what was begun once it is stored; what was typed since is another note. */
export function forgetStored(id: string, note: string | null): void {
  if (noteOf(id).trim() === (note ?? '')) keepNote(id, '')
}
