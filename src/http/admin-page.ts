const STYLE = `body{font:14px/1.4 system-ui,sans-serif;margin:2rem;max-width:80rem}h2{font-size:1.1rem;margin:1.5rem 0 .3rem}
table{border-collapse:collapse}th,td{text-align:left;padding:.15rem .8rem .15rem 0;border-bottom:1px solid #ddd;vertical-align:top;
font-variant-numeric:tabular-nums}pre{margin:0;white-space:pre-wrap}`

/** The report as a page without scripts: a heading per section, lists as tables. */
export function adminPage(report: Readonly<Record<string, unknown>>): string {
  const sections = Object.entries(report).map(([name, value]) => `<h2>${escaped(wordsOf(name))}</h2>\n${shown(value)}`)
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Tallyroom admin</title><style>${STYLE}</style>
<h1>Tallyroom</h1><p>As of now; reload for later. The same as data: <a href="?format=json">JSON</a>, <a href="metrics">metrics</a>.</p>
${sections.join('\n')}
</html>
`
}

function shown(value: unknown): string {
  if (Array.isArray(value)) {
    const rows: unknown[] = value
    if (rows.length === 0) return '<p>none</p>'
    if (!rows.every(isRecord)) return `<p>${rows.map(text).join(', ')}</p>`
    const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))]
    const head = columns.map((column) => `<th scope="col">${escaped(wordsOf(column))}</th>`).join('')
    const body = rows.map((row) => `<tr>${columns.map((column) => `<td>${text(row[column])}</td>`).join('')}</tr>`)
    return `<table><thead><tr>${head}</tr></thead><tbody>${body.join('')}</tbody></table>`
  }
  if (!isRecord(value)) return `<p>${text(value)}</p>`
  const rows = Object.entries(value).map(([name, part]) => `<tr><th scope="row">${escaped(wordsOf(name))}</th><td>${text(part)}</td></tr>`)
  return `<table><tbody>${rows.join('')}</tbody></table>`
}

function text(value: unknown): string {
  if (value === null || value === undefined) return '–'
  if (typeof value === 'object') return `<pre>${escaped(JSON.stringify(value, null, 1))}</pre>`
  if (typeof value === 'number') return escaped(String(Math.round(value * 1_000) / 1_000))
  return escaped(String(value))
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** `slowSessions` → `slow sessions`. */
function wordsOf(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
}

function escaped(words: string): string {
  return words.replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`)
}
