/**
 * How much of the author's console is shown. A print per element of a large input would bury everything else, so each
 * step may write some lines at once and a few more every second; of the others it is said how many there were.
 *
 * Law: every line is either shown or counted; nothing is held back to be shown later.
 */

/** `--console`: everything, as much as can be read, or nothing. */
export type ConsoleMode = 'all' | 'limited' | 'off'

export const CONSOLE_MODES: readonly ConsoleMode[] = ['limited', 'all', 'off']

/** Lines of a step that are shown at once. */
const LINES_AT_ONCE = 20
/** Lines more for every second that passes. */
const LINES_A_SECOND = 2
/** Milliseconds between two remarks on what was left out. */
const REMARK_MILLIS = 5000

interface Budget {
  lines: number
  refilledAt: number
  left: number
  remarkedAt: number
  /** Whether the beginning of the line that is being written was shown. */
  inLine: boolean
}

/** Where what is shown goes. */
export interface ConsoleTarget {
  log(text: string, stream: 'out' | 'err', step: string | undefined): void
  note(text: string): void
}

/** Decides line by line. */
export class ConsoleLimit {
  readonly #mode: ConsoleMode
  readonly #target: ConsoleTarget
  readonly #now: () => number
  readonly #budgets = new Map<string, Budget>()

  /** @param now milliseconds of a clock that does not go back. */
  constructor(mode: ConsoleMode, target: ConsoleTarget, now: () => number) {
    this.#mode = mode
    this.#target = target
    this.#now = now
  }

  /** Whether anything is shown at all, so that it need not be found out who writes. */
  get isOff(): boolean {
    return this.#mode === 'off'
  }

  write(text: string, stream: 'out' | 'err', step: string | undefined): void {
    if (this.#mode === 'off' || text === '') return
    if (this.#mode === 'all') return this.#target.log(text, stream, step)
    const budget = this.#budget(`${stream} ${step ?? ''}`)
    let shown = ''
    for (const line of text.split(/(?<=\n)/)) if (this.#allows(budget, line)) shown += line
    if (shown !== '') this.#target.log(shown, stream, step)
  }

  /** Says what was left out, where it is time to; `isOver`: everything that was not said yet. */
  remark(isOver = false): void {
    const now = this.#now()
    for (const [key, budget] of this.#budgets) {
      if (budget.left === 0 || (!isOver && now - budget.remarkedAt < REMARK_MILLIS)) continue
      const step = key.slice(key.indexOf(' ') + 1)
      const lines = `${grouped(budget.left)} more ${budget.left === 1 ? 'line' : 'lines'}`
      this.#target.note(`… ${lines} from ${step === '' ? 'the console' : `"${step}"`} (--console all shows every line)`)
      budget.left = 0
      budget.remarkedAt = now
    }
  }

  #allows(budget: Budget, line: string): boolean {
    const ends = line.endsWith('\n')
    if (budget.inLine) {
      budget.inLine = !ends
      return true
    }
    if (budget.lines < 1) {
      // A line that is written in pieces counts once.
      if (ends) budget.left++
      return false
    }
    budget.lines--
    budget.inLine = !ends
    return true
  }

  #budget(key: string): Budget {
    const now = this.#now()
    let budget = this.#budgets.get(key)
    if (budget === undefined) {
      budget = { lines: LINES_AT_ONCE, refilledAt: now, left: 0, remarkedAt: now, inLine: false }
      this.#budgets.set(key, budget)
    }
    budget.lines = Math.min(LINES_AT_ONCE, budget.lines + ((now - budget.refilledAt) / 1000) * LINES_A_SECOND)
    budget.refilledAt = now
    if (budget.left > 0 && now - budget.remarkedAt >= REMARK_MILLIS) this.remark()
    return budget
  }
}

/** `12000` as `12,000`. */
function grouped(value: number): string {
  return String(value).replaceAll(/\B(?=(\d{3})+$)/g, ',')
}
