/**
 * The matrix as a page that needs nothing beside itself.
 */
import { areasOf, counted, countsOf, countsText, type Matrix, modesText, STATUS_WORDS } from './matrix.js'

const STYLE = `
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { margin: 2rem auto; max-width: 75rem; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .25rem .6rem; border-bottom: 1px solid #8884; }
thead th { position: sticky; top: 0; background: Canvas; }
td.id { white-space: nowrap; font-variant-numeric: tabular-nums; }
.passed { color: #187a3c; } .refused, .leftOut { color: #777; } .broken { color: #a15c00; } .failed { color: #c4122f; font-weight: 600; }
small { display: block; font-weight: 400; white-space: pre-wrap; }
@media (prefers-color-scheme: dark) { .passed { color: #5dc887; } .broken { color: #e8a33d; } .failed { color: #ff6b81; } }
`

/** The page. */
export function matrixPage(matrix: Matrix): string {
  const { runners, modes, seed } = matrix
  const head = (first: string): string =>
    `<thead><tr>${[first, ...runners].map((text) => `<th scope="col">${escape(text)}</th>`).join('')}</tr></thead>`
  const summary = [...areasOf(matrix), undefined].map((area) => {
    const cells = runners.map((_, at) => `<td>${countsText(countsOf(matrix, at, area))}</td>`)
    const name = area === undefined ? 'all' : `<a href="#${escape(area)}">${escape(area)}</a>`
    return `<tr><th scope="row">${name}</th>${cells.join('')}</tr>`
  })
  const areas = areasOf(matrix).map((area) => {
    const rows = matrix.rows
      .filter((row) => row.area === area)
      .map(({ id, name, reports }) => {
        const cells = reports.map(({ status, why }) => {
          const reason = why === '' ? '' : `<small>${escape(why)}</small>`
          return `<td class="${status}">${STATUS_WORDS[status]}${reason}</td>`
        })
        return `<tr id="${escape(id)}"><td class="id">${escape(id)}</td><td>${escape(name)}</td>${cells.join('')}</tr>`
      })
    const heads = ['case', 'statement', ...runners].map((text) => `<th scope="col">${escape(text)}</th>`).join('')
    return `<h2 id="${escape(area)}">${escape(area)}</h2>\n<table><thead><tr>${heads}</tr></thead><tbody>\n${rows.join('\n')}\n</tbody></table>`
  })
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>millrace: conformance</title><style>${STYLE}</style></head><body>
<h1>Conformance</h1>
<p>${counted(matrix.rows.length, 'case')}, seed ${seed}: ${modes.map((names, at) => escape(`${runners[at] ?? ''} in ${modesText(names)}`)).join('; ')}. Refused: the runner lacks a
feature that the case needs, and says so before it runs.</p>
<table>${head('area')}<tbody>
${summary.join('\n')}
</tbody></table>
${areas.join('\n')}
${unspoken(matrix)}
</body></html>
`
}

/** What nobody asked. */
function unspoken({ withoutCase }: Matrix): string {
  if (withoutCase.length === 0) return ''
  const rows = withoutCase.map(
    ({ id, reason }) => `<tr><td class="id">${escape(id)}</td><td>${escape(reason)}</td></tr>`,
  )
  return `<h2>Without a case</h2>\n<table><tbody>\n${rows.join('\n')}\n</tbody></table>`
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}
