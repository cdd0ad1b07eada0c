import { execFileSync } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { SUITES } from './test/support/services.js'

// A clone has no Prisma client: written when missing or older than its schema.
execFileSync(process.execPath, [fileURLToPath(new URL('./scripts/generate.mjs', import.meta.url))], { stdio: 'inherit' })

const KINDS = Object.keys(SUITES).filter((kind) => kind !== 'unit')

export default defineConfig({
  test: {
    // A project for each kind of suites: vitest sets one up only when a file of it was selected.
    projects: Object.entries(SUITES).map(([kind, { order }]) => ({
      test: {
        name: kind,
        include: [kind === 'unit' ? 'test/**/*.test.ts' : `test/**/*.${kind}.test.ts`],
        exclude: kind === 'unit' ? KINDS.map((other) => `test/**/*.${other}.test.ts`) : [],
        globalSetup: ['test/support/global-setup.ts'],
        sequence: { groupOrder: order },
        // Vitest would leave a core idle, which on two is half of them. Postgres has connections for eight.
        maxWorkers: kind === 'browser' ? 1 : Math.min(availableParallelism(), kind === 'program' || kind === 'fleet' ? 2 : 8),
        testTimeout: 60_000,
        hookTimeout: 60_000,
        // A condition may take as long as a busy machine needs; what is waited for is there much sooner.
        expect: { poll: { timeout: 10_000, interval: 20 } },
      },
    })),
  },
})
