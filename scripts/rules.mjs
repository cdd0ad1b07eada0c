// `npm run rules`: every rule of docs/protocol.md with the tests that carry its number. Ends with 1 when a rule has none; says too which
// rules tests name that the page has not. `npm run rules -- J5 D6` names the tests of these rules.
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const PAGE = 'docs/protocol.md'
/** Of a rule of these letters the page says everything; other letters belong to other pages. */
const LETTERS = /^[CJDPRB]/
/** `- **J5** No event is lost …` */
const RULE = /^- \*\*([A-Z]+[0-9]+)\*\* (.*)$/gm
/** The name of a test, in quotes of any kind, also behind `.each(…)` or `.skipIf(…)` on lines of its own. */
const TEST = /\b(?:test|it)(?:\.\w+)*(?:\((?:[^()]|\([^()]*\))*\))?\(\s*(['"`])((?:\\.|(?!\1)[^\\])*)\1/g
const NUMBERS = /\[([A-Z]+[0-9]+(?:[, ]+[A-Z]+[0-9]+)*)\]/g

/** The rules of the page, in its order. `isLater`: decided, and built some other time. */
export function readRules() {
  return [...readFileSync(join(ROOT, PAGE), 'utf8').matchAll(RULE)].map(([, number, text]) => ({
    number,
    text,
    isLater: text.startsWith('⟨later⟩'),
  }))
}

/** The tests by the number of each rule that they name. */
export function readTests() {
  const tests = new Map()
  for (const path of testFiles()) {
    for (const [, , name] of readFileSync(path, 'utf8').matchAll(TEST)) {
      for (const [, numbers] of name.matchAll(NUMBERS)) {
        for (const number of numbers.split(/[, ]+/)) {
          if (!tests.has(number)) tests.set(number, [])
          tests.get(number).push({ file: relative(ROOT, path), name })
        }
      }
    }
  }
  return tests
}

function testFiles() {
  const entries = readdirSync(join(ROOT, 'test'), { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile() && /\.(test|suite)\.ts$|-contract\.ts$/.test(entry.name))
  return files.map((entry) => join(entry.parentPath, entry.name)).sort()
}

function main(wanted) {
  const rules = readRules()
  const tests = readTests()
  for (const { number, text, isLater } of rules.filter((rule) => wanted.length === 0 || wanted.includes(rule.number))) {
    const own = tests.get(number) ?? []
    const count = own.length > 0 ? String(own.length) : isLater ? 'later' : 'NONE'
    console.log(`${number.padEnd(4)} ${count.padStart(5)}  ${wanted.length > 0 ? text : shortened(text, 90)}`)
    if (wanted.length > 0) for (const { file, name } of own) console.log(`            ${file}: ${name}`)
  }
  const bare = rules.filter(({ number, isLater }) => !isLater && !tests.has(number)).map(({ number }) => number)
  const known = new Set(rules.map(({ number }) => number))
  const strangers = [...tests.keys()].filter((number) => LETTERS.test(number) && !known.has(number)).sort()
  const named = rules.reduce((sum, { number }) => sum + (tests.get(number)?.length ?? 0), 0)
  console.log(`\n${rules.length} rules, named by tests ${named} times`)
  if (bare.length > 0) console.log(`without a test: ${bare.join(', ')}`)
  if (strangers.length > 0) console.log(`named by tests and missing in ${PAGE}: ${strangers.join(', ')}`)
  return rules.length > 0 && bare.length === 0 ? 0 : 1
}

function shortened(text, length) {
  const plain = text.replaceAll(/[`*]/g, '')
  return plain.length > length ? `${plain.slice(0, length - 1)}…` : plain
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = main(process.argv.slice(2))
