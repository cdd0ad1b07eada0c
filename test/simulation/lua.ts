import { AppError } from '../../src/errors.js'

/** What a script may call, by the names that it has in Lua: `redis.call`, `string.find`, … */
export type LuaGlobals = Readonly<Record<string, unknown>>

/** A script, read once. @throws what a host function throws. */
export type LuaScript = (globals: LuaGlobals) => unknown

/** Of a table the part that counts from 1, and the rest. */
export class LuaTable {
  readonly list: unknown[]
  readonly named = new Map<unknown, unknown>()

  constructor(list: readonly unknown[] = []) {
    this.list = [undefined, ...list]
  }

  get(key: unknown): unknown {
    return typeof key === 'number' ? this.list[key] : this.named.get(key)
  }

  set(key: unknown, value: unknown): void {
    if (typeof key === 'number') this.list[key] = value
    else this.named.set(key, value)
  }

  get length(): number {
    let length = this.list.length - 1
    while (length > 0 && this.list[length] === undefined) length--
    return length
  }
}

/** Several results of one call. */
export class LuaResults {
  readonly values: readonly unknown[]

  constructor(values: readonly unknown[]) {
    this.values = values
  }
}

type Token = { readonly kind: 'name' | 'word' | 'number' | 'string' | 'sign' | 'end'; readonly text: string }

const WORDS = new Set('and break do else elseif end false for function if in local nil not or return then true'.split(' '))
const TOKEN = /\s+|--[^\n]*|([A-Za-z_]\w*)|(\d+(?:\.\d+)?)|'((?:[^'\\\n]|\\[\s\S])*)'|(\.\.|[=~<>]=|[-+*/%#<>=(){}[\];:,.])/y
/** By how tightly they bind; `..` binds to the right, which makes no difference to texts. */
const BINARY: Readonly<Record<string, number>> = {
  or: 1,
  and: 2,
  '<': 3,
  '>': 3,
  '<=': 3,
  '>=': 3,
  '~=': 3,
  '==': 3,
  '..': 4,
  '+': 5,
  '-': 5,
  '*': 6,
  '/': 6,
  '%': 6,
}
const UNARY_BINDS = 7
const CALL = 'rt.one('

/**
 * Makes a function of a script in the part of Lua 5.1 that publish.lua is written in, so that what is simulated is the script itself. Texts are
 * ASCII: a byte is a character. @throws AppError for whatever else there is in Lua.
 */
export function readLua(source: string): LuaScript {
  const body = new Reader(tokensOf(source)).chunk()
  // The text is made by the reader below from a file of ours.
  const made = new Function('rt', 'globals', `let T;${body}`) as (runtime: typeof RUNTIME, globals: LuaGlobals) => unknown
  return (globals) => made(RUNTIME, globals)
}

/** A pattern of Lua as a regular expression: classes, sets, captures, anchors and greedy repetition. */
export function regexOf(pattern: string): RegExp {
  const known = REGEXES.get(pattern)
  if (known) return known
  let text = ''
  let isSet = false
  for (let at = 0; at < pattern.length; at++) {
    const char = pattern[at]!
    if (char === '%') {
      const next = pattern[++at]!
      text += next === 'd' ? '\\d' : next === 'z' ? '\\0' : `\\${next}`
      if (/[a-zA-Z]/.test(next) && !'dz'.includes(next)) throw new AppError('INTERNAL', { message: `%${next} is not read in patterns` })
    } else if (char === '-' && !isSet) throw new AppError('INTERNAL', { message: 'lazy repetition is not read in patterns' })
    else {
      if (char === '[' || char === ']') isSet = char === '['
      text += '{}|/\\'.includes(char) ? `\\${char}` : char
    }
  }
  const regex = new RegExp(text, 's')
  REGEXES.set(pattern, regex)
  return regex
}

const REGEXES = new Map<string, RegExp>()

const isTrue = (value: unknown): boolean => value !== undefined && value !== false

/** What operators and calls become. */
const RUNTIME = {
  t: isTrue,
  one: (value: unknown) => (value instanceof LuaResults ? value.values[0] : value),
  all: (value: unknown) => (value instanceof LuaResults ? value.values : [value]),
  get: (table: unknown, key: unknown) => (table as LuaTable).get(key),
  set: (table: unknown, key: unknown, value: unknown) => (table as LuaTable).set(key, value),
  len: (value: unknown) => (value as string | LuaTable).length,
  text: (value: unknown) => {
    if (typeof value === 'string' || typeof value === 'number') return String(value)
    throw new AppError('INTERNAL', { message: `${String(value)} is not joined to a text` })
  },
  mod: (one: number, other: number) => one - Math.floor(one / other) * other,
  table: (list: unknown[], named: [string, unknown][]) => {
    const table = new LuaTable(list)
    for (const [key, value] of named) table.set(key, value)
    return table
  },
  index: (globals: unknown, key: string) => (globals as Record<string, unknown>)[key],
}

function tokensOf(source: string): Token[] {
  const tokens: Token[] = []
  TOKEN.lastIndex = 0
  while (TOKEN.lastIndex < source.length) {
    const from = TOKEN.lastIndex
    const found = TOKEN.exec(source)
    if (!found) throw new AppError('INTERNAL', { message: `this Lua is not read: ${source.slice(from, from + 40)}` })
    const [, name, number, string, sign] = found
    if (name !== undefined) tokens.push({ kind: WORDS.has(name) ? 'word' : 'name', text: name })
    else if (number !== undefined) tokens.push({ kind: 'number', text: number })
    else if (string !== undefined) {
      const text = string.replace(/\\(\d{1,3}|[\s\S])/g, (_, code: string) =>
        /\d/.test(code) ? String.fromCharCode(Number(code)) : code === 'n' ? '\n' : code,
      )
      tokens.push({ kind: 'string', text })
    } else if (sign !== undefined) tokens.push({ kind: 'sign', text: sign })
  }
  return tokens
}

/** Reads tokens and writes the text of a function. */
class Reader {
  readonly #tokens: readonly Token[]
  #at = 0

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens
  }

  chunk(): string {
    const text = this.#block(new Map())
    if (this.#token.kind !== 'end') this.#refuse()
    return text
  }

  get #token(): Token {
    return this.#tokens[this.#at] ?? { kind: 'end', text: 'the end' }
  }

  #is(text: string): boolean {
    const { kind, text: own } = this.#token
    return own === text && (kind === 'word' || kind === 'sign')
  }

  #take(text: string): boolean {
    if (!this.#is(text)) return false
    this.#at++
    return true
  }

  #expect(text: string): void {
    if (!this.#take(text)) this.#refuse()
  }

  #refuse(): never {
    const near = this.#tokens.slice(Math.max(0, this.#at - 8), this.#at + 1)
    throw new AppError('INTERNAL', { message: `this Lua is not read: ${near.map(({ text }) => text).join(' ')}` })
  }

  #name(): string {
    const { kind, text } = this.#token
    if (kind !== 'name') this.#refuse()
    this.#at++
    return text
  }

  /** `outer`: names that are local here. */
  #block(outer: ReadonlyMap<string, string>): string {
    const scope = new Map(outer)
    let text = ''
    while (this.#token.kind !== 'end' && !['end', 'else', 'elseif'].some((word) => this.#is(word))) text += `${this.#statement(scope)};\n`
    return text
  }

  #statement(scope: Map<string, string>): string {
    if (this.#take(';')) return ''
    if (this.#take('local')) return this.#take('function') ? this.#function(scope) : this.#local(scope)
    if (this.#take('if')) return this.#if(scope)
    if (this.#take('for')) return this.#for(scope)
    if (this.#take('return')) return `return ${this.#is('end') ? '' : this.#expression(scope)}`
    const target = this.#suffixed(scope)
    if (!this.#take('=')) return target.text
    return target.assign(this.#expression(scope))
  }

  #local(scope: Map<string, string>): string {
    const names = [this.#name()]
    while (this.#take(',')) names.push(this.#name())
    const values: string[] = []
    if (this.#take('=')) {
      do values.push(this.#expression(scope))
      while (this.#take(','))
    }
    // Declared anew where the same name was local already.
    const own = names.map((name) => this.#declare(scope, name))
    const [first] = values
    // Of a call all results, which are one everywhere else.
    if (names.length > 1 && values.length === 1 && first?.startsWith(CALL)) return `let [${own}] = rt.all(${first.slice(CALL.length)}`
    return `let ${own.map((name, index) => (values[index] === undefined ? name : `${name} = ${values[index]}`)).join(', ')}`
  }

  #declare(scope: Map<string, string>, name: string): string {
    const own = `$${name}`
    scope.set(name, own)
    return own
  }

  #function(scope: Map<string, string>): string {
    const name = this.#declare(scope, this.#name())
    const inner = new Map(scope)
    this.#expect('(')
    const names: string[] = []
    while (!this.#take(')')) {
      names.push(this.#declare(inner, this.#name()))
      this.#take(',')
    }
    const body = this.#block(inner)
    this.#expect('end')
    return `function ${name}(${names}) {\n${body}}`
  }

  #if(scope: Map<string, string>): string {
    let text = `if (rt.t(${this.#expression(scope)})) {\n`
    this.#expect('then')
    text += `${this.#block(scope)}}`
    if (this.#take('elseif')) return `${text} else ${this.#if(scope)}`
    if (this.#take('else')) text += ` else {\n${this.#block(scope)}}`
    this.#expect('end')
    return text
  }

  #for(scope: Map<string, string>): string {
    const inner = new Map(scope)
    const names = [this.#name()]
    while (this.#take(',')) names.push(this.#name())
    let head: string
    if (this.#take('in')) {
      const entries = this.#expression(scope)
      head = `for (const [${names.map((name) => this.#declare(inner, name))}] of ${entries})`
    } else {
      this.#expect('=')
      const from = this.#expression(scope)
      this.#expect(',')
      const to = this.#expression(scope)
      const step = this.#take(',') ? this.#expression(scope) : '1'
      const own = this.#declare(inner, names[0]!)
      head = `for (let ${own} = ${from}; ${own} <= ${to}; ${own} += ${step})`
    }
    this.#expect('do')
    const body = this.#block(inner)
    this.#expect('end')
    return `${head} {\n${body}}`
  }

  #expression(scope: ReadonlyMap<string, string>, least = 0): string {
    let left = this.#unary(scope)
    for (;;) {
      const { kind, text: sign } = this.#token
      const binds = kind === 'word' || kind === 'sign' ? BINARY[sign] : undefined
      if (binds === undefined || binds <= least) break
      this.#at++
      left = binary(sign, left, this.#expression(scope, binds))
    }
    return left
  }

  #unary(scope: ReadonlyMap<string, string>): string {
    if (this.#take('not')) return `!rt.t(${this.#expression(scope, UNARY_BINDS)})`
    if (this.#take('#')) return `rt.len(${this.#expression(scope, UNARY_BINDS)})`
    if (this.#take('-')) return `-${this.#expression(scope, UNARY_BINDS)}`
    return this.#primary(scope)
  }

  #primary(scope: ReadonlyMap<string, string>): string {
    const { kind, text } = this.#token
    if (kind === 'number' || kind === 'string') {
      this.#at++
      return kind === 'number' ? text : JSON.stringify(text)
    }
    if (this.#take('nil')) return 'undefined'
    if (this.#take('true')) return 'true'
    if (this.#take('false')) return 'false'
    if (this.#take('{')) return this.#table(scope)
    return this.#suffixed(scope).text
  }

  #table(scope: ReadonlyMap<string, string>): string {
    const list: string[] = []
    const named: string[] = []
    while (!this.#take('}')) {
      const next = this.#tokens[this.#at + 1]
      if (this.#token.kind === 'name' && next?.kind === 'sign' && next.text === '=') {
        const name = this.#name()
        this.#expect('=')
        named.push(`[${JSON.stringify(name)}, ${this.#expression(scope)}]`)
      } else list.push(this.#expression(scope))
      this.#take(',')
    }
    return `rt.table([${list}], [${named}])`
  }

  /** A name or something in brackets, with what is indexed and called behind it. */
  #suffixed(scope: ReadonlyMap<string, string>): { readonly text: string; readonly assign: (value: string) => string } {
    let text: string
    let assign = (value: string) => `${text} = ${value}`
    if (this.#take('(')) {
      text = `(${this.#expression(scope)})`
      this.#expect(')')
    } else {
      const name = this.#name()
      const own = scope.get(name)
      text = own ?? `rt.index(globals, ${JSON.stringify(name)})`
      if (own === undefined) assign = () => this.#refuse()
    }
    for (;;) {
      if (this.#is('.') || this.#is('[')) {
        const table = text
        let key: string
        if (this.#take('.')) key = JSON.stringify(this.#name())
        else {
          this.#expect('[')
          key = this.#expression(scope)
          this.#expect(']')
        }
        text = `rt.get(${table}, ${key})`
        assign = (value) => `rt.set(${table}, ${key}, ${value})`
      } else if (this.#take('(')) {
        const values: string[] = []
        while (!this.#take(')')) {
          values.push(this.#expression(scope))
          this.#take(',')
        }
        text = `${CALL}${text}(${values}))`
        assign = () => this.#refuse()
      } else return { text, assign }
    }
  }
}

function binary(sign: string, left: string, right: string): string {
  if (sign === 'and') return `(rt.t(T = ${left}) ? ${right} : T)`
  if (sign === 'or') return `(rt.t(T = ${left}) ? T : ${right})`
  if (sign === '..') return `(rt.text(${left}) + rt.text(${right}))`
  if (sign === '==') return `(${left} === ${right})`
  if (sign === '~=') return `(${left} !== ${right})`
  if (sign === '%') return `rt.mod(Number(${left}), Number(${right}))`
  if ('+-*/'.includes(sign)) return `(Number(${left}) ${sign} Number(${right}))`
  return `(${left} ${sign} ${right})`
}
