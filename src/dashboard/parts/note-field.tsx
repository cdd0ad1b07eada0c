import type { RefObject } from 'preact'
import { MAX_NOTE_CHARS } from '../../protocol/views.js'

export interface NoteFieldProps {
  readonly area: RefObject<HTMLTextAreaElement | null>
  /** Whom it is for. */
  readonly hint: string
  readonly placeholder: string
  readonly value: string
  readonly onText: (text: string) => void
  /** Ctrl+Enter, where it does something. */
  readonly onSend: (() => void) | undefined
  readonly onFocus?: () => void
  readonly onBlur?: (event: FocusEvent) => void
}

/** Where somebody writes why. Escape leaves it; `n` on the page goes to it. */
export function NoteField({ area, hint, placeholder, value, onText, onSend, onFocus, onBlur }: NoteFieldProps) {
  const handleKey = (event: KeyboardEvent) => {
    if (event.key === 'Escape') area.current?.blur()
    else if (event.key === 'Enter' && (event.ctrlKey || event.metaKey) && onSend !== undefined) onSend()
    else return
    event.preventDefault()
  }
  return (
    <label class="field">
      <span>
        Note <span class="keys">{hint}</span>
      </span>
      <textarea
        ref={area}
        id="note"
        rows={value.includes('\n') || value.length > 60 ? 3 : 1}
        maxLength={MAX_NOTE_CHARS}
        placeholder={placeholder}
        value={value}
        onInput={(event) => onText(event.currentTarget.value)}
        onFocus={onFocus}
        onBlur={onBlur}
        onKeyDown={handleKey}
      />
    </label>
  )
}
