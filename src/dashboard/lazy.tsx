import type { ComponentType } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { Failure, Skeleton } from './parts/states.js'
import { asApiError } from './session.js'

/** A page in a chunk of its own, loaded when it is first shown. */
export function lazyPage<Props extends object>(load: () => Promise<ComponentType<Props>>): ComponentType<Props> {
  let Loaded: ComponentType<Props> | null = null
  return function LazyPage(props: Props) {
    const [, redraw] = useState({})
    const [error, setError] = useState<unknown>(null)
    useEffect(() => {
      if (Loaded !== null || error !== null) return
      load().then(
        (component) => {
          Loaded = component
          redraw({})
        },
        (failure: unknown) => setError(failure ?? new Error('not loaded')),
      )
    }, [error])
    if (Loaded !== null) return <Loaded {...props} />
    if (error !== null) return <Failure error={asApiError(error)} onRetry={() => setError(null)} />
    return <Skeleton kind="page" />
  }
}
