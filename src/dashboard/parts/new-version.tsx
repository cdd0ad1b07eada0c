import '../styles/new-version.css'
import { useEffect } from 'preact/hooks'
import { announce } from '../announce.js'
import { useStore } from '../store.js'
import { isNewVersionReady, takeNewVersion } from '../version.js'

/** Offers the newer version of the dashboard; whoever is in the middle of something goes on. */
export function NewVersion() {
  const isReady = useStore(isNewVersionReady)
  useEffect(() => {
    if (isReady) announce('A new version of Tallyroom is ready', 'news')
  }, [isReady])
  if (!isReady) return null
  return (
    <div class="new-version">
      <span>A new version of Tallyroom is ready.</span>
      <button type="button" class="button button--small" onClick={takeNewVersion}>
        Load it
      </button>
    </div>
  )
}
