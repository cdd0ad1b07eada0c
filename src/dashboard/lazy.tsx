import { type ComponentChildren, type ComponentType, Fragment, type FunctionComponent } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { ApiError } from './api.js'
import { Failure, Skeleton } from './parts/states.js'

/** A page in a chunk of its own, loaded when it is first shown; `Frame` is put around what stands there until then. */
export function lazyPage<Props extends object>(
  load: () => Promise<ComponentType<Props>>,
  Frame: FunctionComponent<{ readonly children: ComponentChildren }> = Fragment,
): FunctionComponent<Props> & { readonly preload: () => void } {
  let Loaded: ComponentType<Props> | null = null
  let loading: Promise<ComponentType<Props>> | null = null
  const loadOnce = () => {
    loading ??= load()
    // Tried again by whoever draws it.
    loading.catch(() => {
      loading = null
    })
    return loading
  }
  return Object.assign(LazyPage, { preload: () => void loadOnce().catch(() => undefined) })

  function LazyPage(props: Props) {
    const [hasFailed, setFailed] = useState(false)
    const [, redraw] = useState({})
    useEffect(() => {
      if (Loaded !== null) return
      loadOnce().then(
        (component) => {
          Loaded = component
          redraw({})
        },
        () => setFailed(true),
      )
    }, [])
    if (Loaded !== null) return <Loaded {...props} />
    return <Frame>{hasFailed ? <Failure error={NOT_LOADED} onRetry={() => void reload()} /> : <Skeleton kind="page" />}</Frame>
  }
}

const NOT_LOADED = new ApiError('this page could not be loaded', { code: 'UNREACHABLE', status: 0 })

/** The chunk may have gone with an older version: then only the whole page loaded anew helps. Not before the server answers again. */
async function reload(): Promise<void> {
  await fetch('/', { method: 'HEAD' }).then(
    () => location.reload(),
    () => undefined,
  )
}
