import {
  type AmountShape,
  type Column,
  columnsOf,
  DATE_FORMATS,
  FIELD_NAMES,
  type Mapping,
  type Preview,
  pickColumn,
  shapeOf,
  TEXT_FIELDS,
  withShape,
} from '../mapping.js'
import { Choice } from './choice.js'

const SHAPES: readonly (readonly [AmountShape, string])[] = [
  ['one', 'one column'],
  ['negated', 'one, sign reversed'],
  ['split', 'debit and credit'],
]
const DECIMAL_MARKS: readonly (readonly ['.' | ',', string])[] = [
  ['.', 'point, 1.50'],
  [',', 'comma, 1,50'],
]

interface FieldProps {
  readonly mapping: Mapping
  readonly columns: readonly Column[]
  readonly onChange: (mapping: Mapping) => void
}

/** How the columns are read; each choice is tried on the file at once. */
export function MappingForm({ preview, onChange }: { readonly preview: Preview; readonly onChange: (mapping: Mapping) => void }) {
  const props = { mapping: preview.mapping, columns: columnsOf(preview), onChange }
  return (
    <fieldset class="mapping">
      <legend>Columns</legend>
      <DateField {...props} />
      <AmountField {...props} />
      <CurrencyField {...props} />
      {TEXT_FIELDS.map((field) => (
        <ColumnSelect
          key={field}
          label={FIELD_NAMES[field]}
          columns={props.columns}
          value={props.mapping[field]?.column ?? null}
          onPick={(column) => onChange({ ...props.mapping, [field]: { column } })}
        />
      ))}
    </fieldset>
  )
}

function DateField({ mapping, columns, onChange }: FieldProps) {
  const { date } = mapping
  const formats: readonly string[] =
    date === undefined || DATE_FORMATS.some((known) => known === date.format) ? DATE_FORMATS : [date.format, ...DATE_FORMATS]
  return (
    <>
      <ColumnSelect
        label={FIELD_NAMES.date}
        columns={columns}
        value={date?.column ?? null}
        onPick={(column) => onChange({ ...mapping, date: { column, format: date?.format ?? 'iso' } })}
      />
      {date !== undefined && (
        <Choice
          label="Date is written"
          value={date.format}
          options={formats.map((format) => [format, format === 'iso' ? 'yyyy-MM-dd (iso)' : format] as const)}
          onChange={(format) => onChange({ ...mapping, date: { ...date, format } })}
        />
      )}
    </>
  )
}

function AmountField({ mapping, columns, onChange }: FieldProps) {
  const { amount } = mapping
  return (
    <>
      <Choice
        label="Amount is"
        value={shapeOf(mapping)}
        options={SHAPES}
        onChange={(shape) => onChange(withShape(mapping, shape, columns))}
      />
      {amount !== undefined && 'debit' in amount ? (
        <>
          <ColumnSelect
            label="Debit (−)"
            columns={columns}
            value={amount.debit}
            onPick={(column) => onChange({ ...mapping, amount: { ...amount, debit: column } })}
          />
          <ColumnSelect
            label="Credit (+)"
            columns={columns}
            value={amount.credit}
            onPick={(column) => onChange({ ...mapping, amount: { ...amount, credit: column } })}
          />
        </>
      ) : (
        <ColumnSelect
          label={FIELD_NAMES.amount}
          columns={columns}
          value={amount?.column ?? null}
          onPick={(column) => onChange({ ...mapping, amount: { ...(amount ?? {}), column } })}
        />
      )}
      <Choice
        label="Decimal mark"
        value={mapping.decimal ?? '.'}
        options={DECIMAL_MARKS}
        onChange={(decimal) => onChange({ ...mapping, decimal })}
      />
    </>
  )
}

function CurrencyField({ mapping, columns, onChange }: FieldProps) {
  const { currency } = mapping
  const constant = currency !== undefined && 'constant' in currency ? currency.constant : null
  return (
    <ColumnSelect
      label={FIELD_NAMES.currency}
      columns={columns}
      none={constant === null ? 'the project’s' : `always ${constant}`}
      value={currency !== undefined && 'column' in currency ? currency.column : null}
      onPick={(column) => onChange({ ...mapping, currency: { column } })}
    />
  )
}

function ColumnSelect(props: {
  readonly label: string
  readonly columns: readonly Column[]
  readonly value: Column | null
  readonly none?: string
  readonly onPick: (column: Column) => void
}) {
  return (
    <label class="field">
      <span>{props.label}</span>
      <select
        value={props.value === null ? '' : String(props.value)}
        onChange={(event) => {
          const column = pickColumn(props.columns, event.currentTarget.value)
          if (column !== null) props.onPick(column)
        }}
      >
        {props.value === null && <option value="">{props.none ?? 'not in this file'}</option>}
        {props.columns.map((column) => (
          <option key={column} value={String(column)}>
            {typeof column === 'number' ? `column ${column + 1}` : column}
          </option>
        ))}
      </select>
    </label>
  )
}
