/**
 * A sender that has no patience: for tests of what is read ahead.
 */
import { type PCollection, type Pipeline, readFrom, typed, watermarks } from 'millrace'

/** A sender that cannot be told to wait: a number each so many milliseconds, which it sends again if nobody acknowledges it. */
export class Sender {
  /** Numbers that wait at the receiver's door. */
  waitingMax = 0
  readonly acknowledged = new Set<number>()
  /** How often somebody has connected. */
  opened = 0
  readonly #count: number
  readonly #everyMillis: number
  readonly #repeats: boolean
  #delivered = 0

  /** @param repeats whether everybody who connects is sent again what nobody has acknowledged. */
  constructor(count: number, everyMillis: number, repeats = false) {
    this.#repeats = repeats
    this.#count = count
    this.#everyMillis = everyMillis
  }

  /** Numbers that were handed over. */
  get delivered(): number {
    return this.#delivered
  }

  /** As after a reconnection: what nobody has acknowledged comes again. */
  reconnect(): void {
    while (this.#delivered > 0 && !this.acknowledged.has(this.#delivered - 1)) this.#delivered--
  }

  read(): (p: Pipeline) => PCollection<number> {
    return readFrom({
      output: typed<number>(),
      bounded: false,
      replayable: false,
      watermark: watermarks.monotonic(),
      pollEvery: '1 milli',
      open: (_: number | undefined, { now }) => {
        this.opened++
        if (this.#repeats) this.reconnect()
        const began = now()
        const before = this.#delivered
        return {
          read: () => {
            const sent = Math.min(this.#count, before + Math.floor((now() - began) / this.#everyMillis))
            this.waitingMax = Math.max(this.waitingMax, sent - this.#delivered)
            if (this.#delivered >= this.#count) return 'end'
            if (this.#delivered >= sent) return 'idle'
            return { value: this.#delivered, timestamp: this.#delivered++ }
          },
          mark: () => this.#delivered,
        }
      },
      acknowledge: (mark) => {
        for (let n = mark - 1; n >= 0 && !this.acknowledged.has(n); n--) this.acknowledged.add(n)
      },
    })
  }
}
