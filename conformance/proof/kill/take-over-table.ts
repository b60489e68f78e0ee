/**
 * What was seen of take-overs, for people: how many of each kind were right, point by point, and how long they took.
 */

/** Counts by row and column, and times by kind. */
export class TakeOverTable {
  readonly #cells = new Map<string, Map<string, { passed: number; of: number }>>()
  readonly #columns = new Set<string>()
  readonly #times = new Map<string, number[]>()

  /** One more of a cell. */
  count({ row, column }: { readonly row: string; readonly column: string }, isPassed: boolean): void {
    this.#columns.add(column)
    let cells = this.#cells.get(row)
    if (cells === undefined) {
      cells = new Map<string, { passed: number; of: number }>()
      this.#cells.set(row, cells)
    }
    const { passed, of } = cells.get(column) ?? { passed: 0, of: 0 }
    cells.set(column, { passed: passed + (isPassed ? 1 : 0), of: of + 1 })
  }

  /** One more take-over of a kind. */
  took(kind: string, millis: number): void {
    const times = this.#times.get(kind) ?? []
    times.push(millis)
    this.#times.set(kind, times)
  }

  lines(): readonly string[] {
    const columns = [...this.#columns].sort()
    const wide = Math.max(0, ...[...this.#cells.keys()].map((row) => row.length))
    const widths = columns.map((column) => Math.max(column.length, 5) + 2)
    const line = (row: string, texts: readonly string[]): string =>
      `${row.padEnd(wide)}${texts.map((text, at) => text.padStart(widths[at] as number)).join('')}`
    const rows = [...this.#cells].map(([row, cells]) =>
      line(
        row,
        columns.map((column) => {
          const cell = cells.get(column)
          return cell === undefined ? '' : `${cell.passed}/${cell.of}`
        }),
      ),
    )
    const times = [...this.#times].map(([kind, all]) => {
      const [p50, p95] = [0.5, 0.95].map((part) => Math.round(percentile(all, part)))
      return `${kind}: ${all.length} take-overs, p50 ${p50} ms, p95 ${p95} ms`
    })
    return [...(rows.length === 0 ? [] : [line('right of tried', columns), ...rows]), ...times]
  }
}

/** The smallest that so many are not above. */
function percentile(all: readonly number[], part: number): number {
  const sorted = [...all].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.ceil(part * sorted.length) - 1)] ?? NaN
}
