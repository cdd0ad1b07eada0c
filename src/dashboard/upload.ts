import type { Side, SourceView } from '../protocol/views.js'
import { ApiError, readProblem, request, sourceUrl } from './api.js'
import type { Mapping, Preview } from './mapping.js'

/** A guess needs the header and 200 rows; of a large file only its beginning is sent for it. */
const PREVIEW_BYTES = 1_048_576
const LINE_FEED = 10

/** Reads a file as an import would; nothing is stored. @throws ApiError `INVALID` with what is ambiguous. */
export async function previewFile(project: string, side: Side, file: File, mapping: Mapping | null): Promise<Preview> {
  return request<Preview>('POST', sourceUrl(project, { ...queryOf(side, file, mapping), dryRun: 'true' }), {
    file: await beginningOf(file),
  })
}

/** Imports a file; `onProgress` hears the share that was sent, 0 to 1. @throws ApiError, also `DUPLICATE_SOURCE`. */
export function importFile(
  project: string,
  side: Side,
  file: File,
  options: { readonly mapping: Mapping | null; readonly again?: boolean; readonly onProgress: (share: number) => void },
): Promise<{ readonly source: SourceView }> {
  const query = { ...queryOf(side, file, options.mapping), ...(options.again === true ? { again: 'true' as const } : {}) }
  return new Promise((resolve, reject) => {
    // Fetch cannot tell how much of a body has been sent.
    const upload = new XMLHttpRequest()
    upload.open('POST', sourceUrl(project, query))
    upload.setRequestHeader('content-type', 'application/octet-stream')
    upload.upload.onprogress = (event) => options.onProgress(event.total === 0 ? 0 : event.loaded / event.total)
    upload.onerror = () => reject(new ApiError('the server cannot be reached', { code: 'UNREACHABLE', status: 0 }))
    upload.onload = () => {
      if (upload.status < 300) resolve(JSON.parse(upload.responseText))
      else
        reject(
          readProblem(
            upload.status,
            upload.responseText,
            upload.getResponseHeader('x-request-id'),
            upload.getResponseHeader('retry-after'),
          ),
        )
    }
    upload.send(file)
  })
}

function queryOf(side: Side, file: File, mapping: Mapping | null) {
  return { side, name: file.name, ...(mapping === null ? {} : { mapping: JSON.stringify(mapping) }) }
}

// Cut behind a whole line: a torn last row would look like a fault of the file.
async function beginningOf(file: File): Promise<Blob> {
  if (file.size <= PREVIEW_BYTES) return file
  const bytes = new Uint8Array(await file.slice(0, PREVIEW_BYTES).arrayBuffer())
  const end = bytes.lastIndexOf(LINE_FEED)
  return end < 0 ? file : file.slice(0, end + 1)
}
