/** One of a few values, under a label. `null` is a value like the others: all, any, nobody. */
export function Choice<Value extends string | null>(props: {
  readonly label: string
  readonly id?: string
  readonly class?: string
  readonly value: Value
  /** Each value with its name. */
  readonly options: readonly (readonly [value: Value, name: string])[]
  readonly onChange: (value: Value) => void
}) {
  const { label, value, options, onChange } = props
  return (
    <label class={props.class === undefined ? 'field' : `field ${props.class}`}>
      <span>{label}</span>
      <select
        {...(props.id === undefined ? {} : { id: props.id })}
        value={value ?? ''}
        onChange={(event) => {
          const chosen = options.find(([known]) => (known ?? '') === event.currentTarget.value)
          if (chosen) onChange(chosen[0])
        }}
      >
        {options.map(([known, name]) => (
          <option key={known} value={known ?? ''}>
            {name}
          </option>
        ))}
      </select>
    </label>
  )
}
