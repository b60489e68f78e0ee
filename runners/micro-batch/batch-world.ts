/**
 * The world as a batch sees it: one instant for its processing time, a seeded source of randomness, and nothing that can be seen from
 * outside before the batch is committed.
 *
 * Law: a batch that is done again sees the same instant and the same random numbers, whatever sources and sinks have asked for; instants
 * never go back.
 */
import { type Env, seededRandom } from '../../sdk/env.js'
import { ProcessingClock } from '../core/processing-clock.js'

/** The world of a run in batches. */
export class BatchWorld {
  /** What the run is given. */
  readonly env: Env
  /** What sources and sinks are given: time that passes, and chance that does not come again, but where a script moves the clock. */
  readonly outside: Env
  /** What strict mode decides by. */
  readonly disorder: () => number
  /** What strict mode reads by. A batch that is done again does not decide anew what is read. */
  readonly readingDisorder: () => number
  readonly #real: Env
  #random: () => number = () => 0
  #disorder: () => number = () => 0
  #readingDisorder: () => number = () => 0
  /** Goes on where the wall clock is set back. */
  readonly #clock: ProcessingClock
  #seed = 0
  #instant = Number.NEGATIVE_INFINITY
  #lines: string[] = []

  /** @param isScripted whether a script moves the clock of `real`, as far as the pipeline sees it. */
  constructor(real: Env, isScripted: boolean) {
    this.#real = real
    this.#clock = new ProcessingClock(real)
    this.disorder = () => this.#disorder()
    this.readingDisorder = () => this.#readingDisorder()
    this.env = {
      ...real,
      now: isScripted ? () => real.now() : () => this.#instant,
      random: () => this.#random(),
      print: (line, stream) => {
        if (stream === 'out') this.#lines.push(line)
        else real.print(line, stream)
      },
      crashpoint: (name) => real.crashpoint(name),
      buggify: (name) => real.buggify(name),
    }
    this.outside = { ...this.env, now: () => real.now(), random: () => real.random() }
  }

  /** The instant of the batch at hand. */
  get instant(): number {
    return this.#instant
  }

  /** Goes on after a batch of another run, wherever the wall clock stands now. */
  restore(instant: number): void {
    this.#clock.restore(instant)
    this.begin(0, instant)
  }

  /** Begins a batch at `instant`, or now. @param seed unlike that of any other batch of the query. */
  begin(seed: number, instant: number = Math.floor(this.#clock.now())): void {
    this.#instant = Math.max(this.#instant, instant)
    this.#seed = seed
    this.#random = seededRandom(seed)
    this.#disorder = seededRandom(seed ^ 0x3c6ef372)
    this.#readingDisorder = seededRandom(seed ^ 0x1f83d9ab)
  }

  /** The batch has been read. How often sources were asked in vain before is no part of what follows. */
  close(): void {
    this.#random = seededRandom(this.#seed ^ 0x2b3e6c1f)
    this.#disorder = seededRandom(this.#seed ^ 0x5851f42d)
  }

  /** Lines that the batch has printed, once it is committed. */
  flush(): void {
    for (const line of this.#lines.splice(0)) this.#real.print(line, 'out')
  }

  /** The batch is given up, or another has printed the same. */
  discard(): void {
    this.#lines = []
  }

  /** Whether it has printed anything. */
  get hasPrinted(): boolean {
    return this.#lines.length > 0
  }
}
