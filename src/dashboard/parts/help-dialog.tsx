import '../styles/help.css'
import { hasLetters, setLetters } from '../keyboard.js'
import { Store, useStore } from '../store.js'

export const isHelpOpen = new Store(false)

const GROUPS: readonly { readonly title: string; readonly keys: readonly (readonly [string, string])[] }[] = [
  {
    title: 'Decide',
    keys: [
      ['j k', 'next, previous'],
      ['x', 'select several'],
      ['Enter', 'confirm'],
      ['r', 'reject'],
      ['u', 'undo, for 10 seconds'],
      ['n', 'write a note'],
      ['Esc', 'clear the selection'],
    ],
  },
  {
    title: 'Everywhere',
    keys: [
      ['/', 'to the search; of breaks: to the filters'],
      ['a', 'assign a break to me'],
      ['g o', 'overview'],
      ['g m', 'match'],
      ['g b', 'breaks'],
      ['?', 'these keys'],
    ],
  },
]

/** What the keys do, and a switch for those that a slip or dictation may press. */
export function HelpDialog() {
  const isOpen = useStore(isHelpOpen)
  const letters = useStore(hasLetters)
  if (!isOpen) return null
  return (
    <dialog
      class="help"
      aria-labelledby="help-title"
      ref={(element) => {
        if (element?.open === false) element.showModal()
      }}
      onClose={() => isHelpOpen.set(false)}
      closedby="any"
    >
      <div class="help__body">
        <header>
          <h2 id="help-title">Keyboard</h2>
          <form method="dialog">
            <button type="submit" class="button button--small">
              Close
            </button>
          </form>
        </header>
        <div class="help__groups">
          {GROUPS.map(({ title, keys }) => (
            <section key={title}>
              <h3>{title}</h3>
              <dl>
                {keys.map(([key, does]) => (
                  <div key={key}>
                    <dt>
                      {key.split(' ').map((one) => (
                        <kbd key={one}>{one}</kbd>
                      ))}
                    </dt>
                    <dd>{does}</dd>
                  </div>
                ))}
              </dl>
            </section>
          ))}
        </div>
        <label class="help__switch">
          <input type="checkbox" checked={letters} onChange={(event) => setLetters(event.currentTarget.checked)} />
          <span>
            Single characters are shortcuts
            <span class="muted small">Off: arrows, Space and Enter still work in lists.</span>
          </span>
        </label>
      </div>
    </dialog>
  )
}
