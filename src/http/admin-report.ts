/** What a section of the report says now: plain data. */
export type AdminSection = () => unknown

/** A section that is not there in time is told as that. */
const TIMEOUT_MS = 2_000

/** Everything that operators ask a process, by section; parts add theirs as they start. */
export class AdminReport {
  readonly #sections = new Map<string, AdminSection>()

  add(name: string, section: AdminSection): void {
    this.#sections.set(name, section)
  }

  /** All sections as of now. Never rejects: one that fails says so. */
  async read(): Promise<Readonly<Record<string, unknown>>> {
    const read = [...this.#sections].map(async ([name, section]) => [name, await answerOf(section)] as const)
    return Object.fromEntries(await Promise.all(read))
  }
}

async function answerOf(section: AdminSection): Promise<unknown> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise((resolve) => {
    timer = setTimeout(resolve, TIMEOUT_MS, { unavailable: `no answer within ${TIMEOUT_MS} ms` })
  })
  try {
    return await Promise.race([timeout, (async () => section())()])
  } catch (error) {
    return { unavailable: error instanceof Error ? error.message : String(error) }
  } finally {
    clearTimeout(timer)
  }
}
