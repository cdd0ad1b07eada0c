import '../styles/new-version.css'
import { useStore } from '../store.js'
import { isNewVersionReady, takeNewVersion } from '../version.js'

/** Offers the newer version of the dashboard; whoever is in the middle of something goes on. */
export function NewVersion() {
  if (!useStore(isNewVersionReady)) return null
  return (
    <div class="new-version" role="status">
      <span>A new version of Tallyroom is ready.</span>
      <button type="button" class="button button--small" onClick={takeNewVersion}>
        Load it
      </button>
    </div>
  )
}
