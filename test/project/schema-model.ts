import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { ROOT } from './sources.js'

interface Datamodel {
  readonly models: readonly Model[]
  readonly indexes: readonly Index[]
}

interface Model {
  readonly name: string
  readonly dbName: string | null
  readonly fields: readonly Field[]
}

interface Field {
  readonly name: string
  readonly dbName?: string
  readonly kind: 'scalar' | 'object' | 'enum'
  readonly type: string
  readonly isRequired: boolean
  readonly nativeType?: readonly [string, readonly string[]] | null
  readonly default?: string | number | boolean | { readonly name: string }
  readonly relationFromFields?: readonly string[]
  readonly relationToFields?: readonly string[]
  readonly relationOnDelete?: string
  readonly relationOnUpdate?: string
}

interface Index {
  readonly model: string
  readonly type: 'id' | 'unique' | 'normal'
  readonly dbName?: string
  readonly fields: readonly { readonly name: string; readonly sortOrder?: 'asc' | 'desc' }[]
}

/**
 * What a Prisma schema demands of a database, a line a thing, in the words of {@link describeDatabase}. Prisma's own parser reads it;
 * its `migrate diff` would need an engine that is not on the registry.
 */
export async function describeSchema(schema: string): Promise<string[]> {
  const { models, indexes } = await parse(schema)
  const byName = new Map(models.map((model) => [model.name, model]))
  const tableOf = (name: string) => byName.get(name)?.dbName ?? name
  const columnOf = (model: string, field: string) => byName.get(model)?.fields.find(({ name }) => name === field)?.dbName ?? field
  const columns = (model: string, fields: readonly string[]) => fields.map((field) => columnOf(model, field)).join(', ')

  const lines = models.flatMap((model) =>
    model.fields.flatMap((field) => {
      if (field.kind === 'scalar') return [columnLine(tableOf(model.name), field)]
      if (!field.relationFromFields?.length) return []
      const onDelete = field.relationOnDelete ?? (field.isRequired ? 'Restrict' : 'SetNull')
      return [
        `foreign key ${tableOf(model.name)} (${columns(model.name, field.relationFromFields)}) to ${tableOf(field.type)} ` +
          `(${columns(field.type, field.relationToFields ?? [])}) on delete ${onDelete} on update ${field.relationOnUpdate ?? 'Cascade'}`,
      ]
    }),
  )
  for (const { model, type, dbName, fields } of indexes) {
    const parts = fields.map(({ name, sortOrder }) => columnOf(model, name) + (sortOrder === 'desc' ? ' desc' : ''))
    const kind = { id: 'primary key', unique: 'unique index', normal: 'index' }[type]
    lines.push(`${kind} ${dbName ?? `${tableOf(model)}_pkey`} of ${tableOf(model)} (${parts.join(', ')})`)
  }
  return lines.sort()
}

/** Types and their literals of Postgres by Prisma's. Another one has to be added here with its first use. */
const TYPES: Readonly<Record<string, string>> = {
  String: 'text',
  'String Uuid': 'uuid',
  Int: 'integer',
  BigInt: 'bigint',
  Boolean: 'boolean',
  Json: 'jsonb',
  Bytes: 'bytea',
  'Decimal Decimal': 'numeric',
  'DateTime Date': 'date',
  'DateTime Timestamptz': 'timestamp with time zone',
}

function columnLine(table: string, { name, dbName, type, nativeType, isRequired, default: value }: Field): string {
  const plain = TYPES[nativeType ? `${type} ${nativeType[0]}` : type]
  if (plain === undefined) throw new Error(`${table}.${name}: add ${type} ${nativeType?.[0] ?? ''} to TYPES`)
  const size = nativeType?.[1].length ? `(${nativeType[1].join(',')})` : ''
  // "timestamp(3) with time zone": the size comes after the first word.
  const sized = plain.replace(/^\w+/, (word) => word + size)
  return `column ${table}.${dbName ?? name} ${sized}${isRequired ? ' not null' : ''}${value === undefined ? '' : ` default ${literal(value, plain)}`}`
}

function literal(value: NonNullable<Field['default']>, type: string): string {
  if (typeof value === 'object') {
    if (value.name === 'now') return 'CURRENT_TIMESTAMP'
    throw new Error(`add the default ${value.name}() to literal`)
  }
  return type === 'text' || type === 'jsonb' ? `'${value}'::${type}` : String(value)
}

async function parse(schema: string): Promise<Datamodel> {
  const dir = await mkdtemp(join(tmpdir(), 'tallyroom-schema-'))
  try {
    const generator = 'generator datamodel {\n  provider = "node test/project/dmmf-generator.mjs"\n}\n'
    await writeFile(join(dir, 'schema.prisma'), schema.replace(/^generator .*?^\}$/gms, generator))
    const cli = join(dirname(createRequire(import.meta.url).resolve('prisma/package.json')), 'build/index.js')
    await promisify(execFile)(process.execPath, [cli, 'generate', '--schema', join(dir, 'schema.prisma')], {
      cwd: ROOT,
      // As scripts/generate.mjs.
      env: {
        ...process.env,
        PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
        PRISMA_HIDE_UPDATE_MESSAGE: '1',
        CHECKPOINT_DISABLE: '1',
        DMMF_FILE: join(dir, 'datamodel.json'),
      },
    })
    return JSON.parse(await readFile(join(dir, 'datamodel.json'), 'utf8')) as Datamodel
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}
