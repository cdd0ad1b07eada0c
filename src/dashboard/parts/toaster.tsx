import '../styles/toaster.css'
import { useEffect } from 'preact/hooks'
import { route } from '../address.js'
import { useKeys } from '../keyboard.js'
import { useStore } from '../store.js'
import { hideToast, type Toast, toast } from '../toasts.js'
import { KeyHint } from './key-hint.js'

/** The newest answer, with its way back; it covers no button of the page. */
export function Toaster() {
  const shown = useStore(toast)
  const place = useStore(route)
  // What stays until it is dismissed was about the page that is left.
  useEffect(() => {
    if (toast.value?.lastsMs === null) hideToast()
  }, [place])
  return shown === null ? null : <ShownToast key={shown} shown={shown} />
}

function ShownToast({ shown }: { readonly shown: Toast }) {
  const { text, tone, action, lastsMs } = shown
  const act = () => {
    hideToast()
    action?.run()
  }
  useKeys({ ...(action !== null && action.key !== null ? { [action.key]: act } : {}) })
  return (
    <div class={`toast toast--${tone}`}>
      <p>{text}</p>
      {action !== null && (
        <button type="button" class="toast__action" onClick={act}>
          {action.label}
          {action.key !== null && <KeyHint name={action.key} />}
        </button>
      )}
      <button type="button" class="toast__close" aria-label="Dismiss" onClick={hideToast}>
        ×
      </button>
      {lastsMs !== null && action !== null && (
        <span class="toast__time" ref={(element) => element?.style.setProperty('animation-duration', `${lastsMs}ms`)} />
      )}
    </div>
  )
}
