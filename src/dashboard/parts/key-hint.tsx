/** The key that does the same as the button it stands in. */
export function KeyHint({ name }: { readonly name: string }) {
  return (
    <span class="key" aria-hidden="true">
      {name}
    </span>
  )
}
