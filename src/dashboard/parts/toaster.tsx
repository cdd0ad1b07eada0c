import '../styles/toaster.css'
import { useKeys } from '../keyboard.js'
import { useStore } from '../store.js'
import { hideToast, type Toast, toast } from '../toasts.js'

/** The newest answer, with its way back; it covers no button of the page. */
export function Toaster() {
  const shown = useStore(toast)
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
          {action.key !== null && (
            <span class="key" aria-hidden="true">
              {action.key}
            </span>
          )}
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
