import { execFile } from 'node:child_process'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { TestProject } from 'vitest/node'
import { provide, SERVICES, SUITES, type SuiteKind, stopAll } from './services.js'

const BUILD = fileURLToPath(new URL('../../scripts/build.mjs', import.meta.url))

/**
 * Runs once for each kind of suites of which a file was selected, and gets what they need. What cannot be had keeps its suites from
 * running, and says so at the end of the run; on a build server that is a failure.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  // Projects are made from the keys of SUITES (vitest.config.ts).
  const kind = project.name as SuiteKind
  if (SUITES[kind].runsBuild) await promisify(execFile)(process.execPath, [BUILD])
  const notRun: string[] = []
  for (const name of SUITES[kind].needs) {
    const reason = await provide(name)
    if (reason === null) continue
    const { needs, install } = SERVICES[name]
    const { testFiles } = await project.globTestFiles()
    for (const file of testFiles)
      notRun.push(`NOT RUN: ${relative(project.config.root, file)} needs ${needs} (${reason}); install with ${install}`)
    // No test has such a name: all are counted as skipped, and none of their hooks run.
    project.config.testNamePattern = /$^/
  }
  return async () => {
    await stopAll()
    for (const line of notRun) console.log(line)
    if (notRun.length > 0 && process.env.CI === 'true') process.exitCode = 1
  }
}
