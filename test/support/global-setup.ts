import { relative } from 'node:path'
import type { TestProject } from 'vitest/node'
import { provide, SERVICES, SUITES, type SuiteKind, stopAll } from './services.js'

/**
 * Runs once for each kind of suites of which a file was selected, and gets what they need. What cannot be had keeps its suites from
 * running, and says so at the end of the run; on a build server that is a failure.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const notRun: string[] = []
  // Projects are made from the keys of SUITES (vitest.config.ts).
  for (const name of SUITES[project.name as SuiteKind].needs) {
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
