import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { MemoryClient } from './memory-fixture.js'
import { type Onlooker, Processes } from './people.js'

const STEPS = [
  'come',
  'come',
  'show',
  'show',
  'claim',
  'claim',
  'release',
  'leave',
  'close',
  'cut',
  'mend',
  'wait',
  'wait',
  'rest',
] as const

/** A client that does what it is told, and joins again when it has to. */
class Person {
  readonly client: MemoryClient
  readonly user: string
  isIn = true
  state: object | null = null

  constructor(client: MemoryClient, user: string) {
    this.client = client
    this.user = user
  }

  join(project: string): void {
    this.isIn = true
    this.client.send({ type: 'join', ref: 1, project, ...(this.state && { presence: this.state }) })
  }

  /** Takes what has come. */
  answer(project: string): void {
    for (const { type, ...rest } of this.client.received.splice(0)) {
      const isRefused = type === 'error' && 'code' in rest && rest.code === 'BUS_UNAVAILABLE' && rest.ref === 1
      if ((type === 'rejoin' || isRefused) && this.isIn && this.client.socket.isOpen) this.join(project)
    }
  }
}

test('[R2] [R3] [R5] [R8] [R10] whatever comes, goes and breaks in whatever order, in the end all see who is there, and no claim of who is not', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.constantFrom(...STEPS), fc.nat(1_000)), { minLength: 20, maxLength: 80, size: 'max' }),
      fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true })),
      async (steps, chances) => {
        const chance = () => chances.next().value as number
        let isCalm = false
        const processes = new Processes(3, { lagMs: () => Math.floor(chance() ** 4 * 400), isLost: () => !isCalm && chance() < 0.05 })
        const { clock, project, wires } = processes
        const watchers: Onlooker[] = []
        const people: Person[] = []
        for (let no = 0; no < 3; no++) {
          const watcher = await processes.onlooker(no, 'watcher')
          watchers.push(watcher)
          people.push(new Person(watcher.client, 'watcher'))
        }
        const answer = () => {
          // What watchers see is taken by themselves, and only then their frames are.
          for (const watcher of watchers) watcher.look('')
          for (const person of people) person.answer(project)
        }
        for (const [step, n] of steps) {
          const some = people.slice(3).filter(({ client }) => client.socket.isOpen)
          const person = some[n % Math.max(1, some.length)]
          if (step === 'come') {
            const user = `user ${n % 5}`
            const come = new Person(await processes.fixtures[n % 3]!.signIn(user), user)
            people.push(come)
            if (n % 2 === 0) come.state = { n }
            come.join(project)
          } else if (step === 'cut') wires[n % 3]!.cut()
          else if (step === 'mend') {
            for (const wire of wires) if (wire.isCut) await wire.mend()
          } else if (step === 'rest') await clock.advance(n * 20)
          else if (step === 'wait') await clock.advance(n % 50)
          else if (person && step === 'close') person.client.socket.close(1000)
          else if (person && step === 'leave') {
            Object.assign(person, { isIn: false, state: null })
            person.client.send({ type: 'leave', ref: 2, project })
          } else if (person?.isIn && step === 'show') {
            person.state = { n }
            person.client.send({ type: 'presence', project, state: { n } })
          } else if (person && (step === 'claim' || step === 'release')) {
            person.client.send({ type: step, ref: 3, project, target: `match/${n % 3}`, ...(step === 'claim' && { ttlMs: 120_000 }) })
          }
          answer()
        }
        isCalm = true
        for (const wire of wires) if (wire.isCut) await wire.mend()
        for (let second = 0; second < 40; second++) {
          await clock.advance(1_000)
          answer()
        }
        const present = people.filter(({ client, isIn }) => client.socket.isOpen && isIn)
        // Whose joins failed more often than is possible now would never have come back.
        for (const watcher of watchers) {
          expect(watcher.client.socket.isOpen).toBe(true)
          const shown = Object.values(watcher.people).map((one) => JSON.stringify(one))
          const expected = present
            .filter(({ state }) => state)
            .map(({ user, state }) => JSON.stringify({ user: { id: user, name: user }, state }))
          expect(shown.sort()).toEqual(expected.sort())
          expect(watcher.count ?? 0).toBe(expected.length)
          const users = new Set(present.map(({ user }) => user))
          for (const claim of Object.values(watcher.claims)) expect(users).toContain((claim as { user: { id: string } }).user.id)
          expect(watcher.claims).toEqual(watchers[0]!.claims)
        }
        // With the people everything that looks after them goes.
        for (const { client } of people) client.socket.close(1000)
        await clock.advance(130_000)
        expect(clock.pending, 'the sweeps').toBe(3)
        await processes.stop()
      },
    ),
    { numRuns: Number(process.env.PEOPLE_RUNS ?? 60) },
  )
})
