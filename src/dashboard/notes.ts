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
