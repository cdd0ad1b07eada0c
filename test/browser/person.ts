import { type Browser, chromium, type Page } from 'playwright-core'

/** What a page received or asked for, in the order in which it happened. */
export type Happening =
  | { readonly kind: 'request'; readonly method: string; readonly path: string }
  | {
      readonly kind: 'progress'
      readonly job: string
      readonly epoch: string
      readonly seq: number
      readonly version: number
      readonly percent: number
    }
  | { readonly kind: 'event'; readonly type: string; readonly epoch: string; readonly seq: number }

interface Frame {
  readonly type: string
  readonly project?: string
  readonly epoch?: string
  readonly position?: { readonly epoch: string; readonly seq: number }
  readonly events?: readonly {
    readonly seq: number
    readonly type: string
    readonly at: string
    readonly data: { readonly match?: { readonly id: string } }
  }[]
  readonly latest?: readonly {
    readonly type: string
    readonly version: number
    readonly data: { readonly job: JobProgress; readonly tag?: string } | null
  }[]
}

interface JobProgress {
  readonly id: string
  readonly percent: number
}

/** The browser that TEST_CHROMIUM names. */
export function launchBrowser(): Promise<Browser> {
  const executablePath = process.env.TEST_CHROMIUM
  if (executablePath === undefined) throw new Error('TEST_CHROMIUM must be the path of a chromium')
  return chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--no-first-run'],
  })
}

/** Somebody with a browser of their own; what reaches the page is read off its socket, below the page's own code. */
export class Person {
  readonly page: Page
  readonly happenings: Happening[] = []
  /** Decisions that were told one by one, with the server's time. */
  readonly decisions: { readonly match: string; readonly at: string }[] = []
  /** Tags that were told to be stale, as often as they were. */
  readonly stale: string[] = []
  /** What the page complained about. */
  readonly complaints: string[] = []
  /** The last position that the page was told. */
  #position = { epoch: '', seq: 0 }

  private constructor(page: Page) {
    this.page = page
    page.on('console', (message) => message.type() === 'error' && this.complaints.push(message.text()))
    page.on('pageerror', (error) => this.complaints.push(error.message))
    page.on('request', (request) => {
      const { pathname } = new URL(request.url())
      if (pathname.startsWith('/v1/')) this.happenings.push({ kind: 'request', method: request.method(), path: pathname })
    })
    page.on('websocket', (socket) => socket.on('framereceived', ({ payload }) => this.#receive(JSON.parse(String(payload)))))
  }

  static async open(browser: Browser, options: Parameters<Browser['newContext']>[0] = {}): Promise<Person> {
    const context = await browser.newContext({ locale: 'en-GB', ...options })
    return new Person(await context.newPage())
  }

  /** Signs in by a link and waits for the list of projects. */
  async signIn(link: string): Promise<void> {
    await this.page.goto(link)
    await this.page.getByRole('heading', { name: 'Projects' }).waitFor()
  }

  requests(): Happening[] {
    return this.happenings.filter(({ kind }) => kind === 'request')
  }

  #receive({ type, epoch, position, events = [], latest = [] }: Frame): void {
    if (type === 'joined' && position !== undefined) this.#position = position
    if (type !== 'deliver' || epoch === undefined) return
    for (const event of events) {
      this.#position = { epoch, seq: event.seq }
      if (event.type === 'match.decided' && event.data.match !== undefined)
        this.decisions.push({ match: event.data.match.id, at: event.at })
      this.happenings.push({ kind: 'event', type: event.type, ...this.#position })
    }
    for (const { type: latestType, version, data } of latest) {
      if (latestType === 'cache.invalidated' && data?.tag !== undefined) this.stale.push(data.tag)
      if (latestType !== 'job.progress' || data === null) continue
      this.happenings.push({ kind: 'progress', job: data.job.id, ...this.#position, version, percent: data.job.percent })
    }
  }
}
