import type { JSHandle, Locator } from 'playwright-core'

/** Drops files on an element as from the desktop. */
export async function dropFiles(target: Locator, files: readonly { readonly name: string; readonly text: string }[]): Promise<void> {
  // Run in the page; as text, because these files know nothing of a browser's globals.
  const dataTransfer: JSHandle = await target.page().evaluateHandle(`(() => {
    const transfer = new DataTransfer()
    for (const { name, text } of ${JSON.stringify(files)}) transfer.items.add(new File([text], name, { type: 'text/csv' }))
    return transfer
  })()`)
  for (const type of ['dragover', 'drop']) await target.dispatchEvent(type, { dataTransfer })
}
