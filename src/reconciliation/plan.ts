import type { RuleSetDefinition } from './rules.js'
import type { Stage } from './stage.js'

/**
 * The stages of a run over sides of these sizes, in order; chunks have about `chunkRows` records a side.
 */
export function planStages(rules: RuleSetDefinition, leftSize: number, rightSize: number, chunkRows: number): Stage[] {
  const chunks = (rows: number) => Math.max(1, Math.ceil(rows / chunkRows))
  return [
    ...rules.passes.flatMap((pass, index): Stage[] =>
      pass.score === undefined
        ? [{ kind: 'match', phase: pass.name, pass: index, chunks: chunks(Math.max(leftSize, rightSize)) }]
        : [
            { kind: 'score', phase: `${pass.name}: comparing`, pass: index, chunks: chunks(leftSize) },
            { kind: 'decide', phase: `${pass.name}: deciding`, pass: index, chunks: chunks(leftSize) },
          ],
    ),
    { kind: 'breaks', phase: 'breaks', pass: null, chunks: chunks(leftSize + rightSize) },
  ]
}
