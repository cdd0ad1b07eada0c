import { differencesOf } from '../difference.js'

/** A text in which what the other row does not have is marked; the underline is for those who do not see the colour. */
export function Marked({ text, others }: { readonly text: string; readonly others: readonly string[] }) {
  return (
    <>
      {differencesOf(text, others).map((piece, index) =>
        // Pieces have no identity but their place.
        piece.isShared ? piece.text : <mark key={index}>{piece.text}</mark>,
      )}
    </>
  )
}
