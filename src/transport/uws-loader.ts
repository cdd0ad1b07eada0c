import { UsageError } from '../errors.js'

/** uWebSockets.js as it was loaded. */
export type Uws = typeof import('uWebSockets.js')

/** It is not on npm; the version is the one that the image takes. */
const INSTALL = 'npm install uNetworking/uWebSockets.js#v20.52.0'

/** Loads uWebSockets.js, which need not be installed and has binaries for some machines only. @throws UsageError why not, and how to get it. */
export async function loadUws(): Promise<Uws> {
  try {
    const loaded: Uws & { readonly default?: Uws } = await import('uWebSockets.js')
    // The official package is CommonJS; the repack for development is not.
    return loaded.default ?? loaded
  } catch (error) {
    const reason = error instanceof Error ? error.message.trim().replace(/\s*\n\s*/g, ' ') : String(error)
    throw new UsageError(`TRANSPORT=uws: uWebSockets.js cannot be loaded: ${reason}\ninstall it: ${INSTALL}\nor run with TRANSPORT=ws`)
  }
}
