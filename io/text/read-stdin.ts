/**
 * Standard input as a stream of lines: what another program pipes in, for as long as it runs.
 *
 * Law: at most a block is taken from the system that has not become lines yet, so the other program waits when we are slow.
 */
import * as t from 'io-ts'
import type { TypeOnly } from '../../sdk/codec.js'
import type { ByteInput, Env } from '../../sdk/env.js'
import { coded } from '../../sdk/error-codes.js'
import { messageOf, PipelineError } from '../../sdk/errors.js'
import type { GraphBuilder } from '../../sdk/graph/builder.js'
import { type OptionNames, refuseUnknownOptions } from '../../sdk/known-options.js'
import type { PCollection } from '../../sdk/pcollection.js'
import type { Pipeline } from '../../sdk/pipeline.js'
import { refuse } from '../../sdk/refuse.js'
import { type ReadResult, readFrom, type SourceReader } from '../../sdk/transforms/read-from.js'
import { type EventTimeOptions, eventTimes } from '../event-times.js'
import type { LineLimits } from './line-buffer.js'
import { BadLine, type FedLine, LineFeed } from './line-feed.js'
import { type LineTextOptions, lineLimits } from './line-options.js'

/** Options of {@link readStdin}. */
export interface ReadStdinOptions extends EventTimeOptions<string>, LineTextOptions {}

/** So long a bundle waits for more before other steps have their turn, and so often it is looked for more. */
const WAIT_MILLIS = 5
const BLOCK_BYTES = 64 * 1024

/** Pipelines that read standard input already. */
const readers = new WeakMap<GraphBuilder, true>()

/**
 * Reads standard input line by line until it ends: `tail -f app.log | millrace run errors.ts`. Text and lines are as for
 * `readLines`. The collection is unbounded, for nobody knows when it ends; a run that is drained ends before.
 *
 * A pipe is read no faster than lines are worked off. What was read and not worked off is lost with the process: a pipe cannot
 * be asked again. Event times: see {@link EventTimeOptions}. One reader; not replayable; no backlog is known. It belongs to the process
 * that starts the run, so a run with workers refuses it.
 *
 * @throws {PipelineError} when an option is wrong, a pipeline reads standard input twice, or the platform has none (a browser).
 * @example
 * ```ts no-run
 * import { pipeline } from 'millrace'
 * import { readStdin, writeStdout } from 'millrace/io/text'
 * const p = pipeline()
 * p.apply('in', readStdin())
 *   .filter('errors', (line) => line.includes('ERROR'))
 *   .apply('out', writeStdout())
 * ```
 */
export function readStdin(options: ReadStdinOptions = {}): (pipeline: Pipeline) => PCollection<string> {
  refuseUnknownOptions('readStdin', options, names)
  const { watermark, timeOf } = eventTimes('readStdin', options)
  const limits = lineLimits('readStdin', options)
  const read = readFrom<TypeOnly<string>, number, StdinWorld>({
    output: t.string as unknown as TypeOnly<string>,
    bounded: false,
    replayable: false,
    ofProcess: 'standard input',
    watermark,
    pollEvery: WAIT_MILLIS,
    setup: ({ env, step }) => ({ env, input: inputOf(env, step) }),
    open: (_, { resource, now }): SourceReader<string, number> => {
      const reader = new StdinReader(resource, limits)
      const record = (next: FedLine | 'idle' | 'end'): ReadResult<string> =>
        typeof next === 'string' ? next : { value: next.line, timestamp: timeOf(next.line, now) }
      return {
        read() {
          const next = reader.next()
          return next instanceof Promise ? next.then(record) : record(next)
        },
        mark: () => reader.offset,
        close: () => resource.input.release(),
      }
    },
  })
  return (pipeline) => {
    const { builder } = pipeline
    if (readers.has(builder)) {
      refuse(
        'MR-5205',
        'the pipeline reads standard input already, and each line would come to one reader only. Read it once, and use the collection twice.',
      )
    }
    readers.set(builder, true)
    return read(pipeline)
  }
}

/** What a reader needs of the world. */
interface StdinWorld {
  readonly env: Env
  readonly input: ByteInput
}

function inputOf({ stdin }: Env, step: string): ByteInput {
  if (stdin !== undefined) return stdin
  throw new PipelineError(
    'MR-5201',
    `step "${step}" reads standard input, which belongs to the process that starts a run, and there is none here: on a worker, or on a platform without processes. Run the pipeline in Node without workers, or have what comes written to a log or to files first, and read those.`,
    step,
  )
}

class StdinReader {
  readonly #world: StdinWorld
  readonly #feed: LineFeed
  /** A block on its way. Settled ones are taken from `#arrived`. */
  #pending: Promise<void> | undefined
  #arrived: { readonly block: Uint8Array | undefined } | { readonly error: unknown } | undefined
  #isOver = false

  constructor(world: StdinWorld, limits: LineLimits) {
    this.#world = world
    this.#feed = new LineFeed(0, 0, BLOCK_BYTES, limits, false)
  }

  /** Bytes that have become lines. */
  get offset(): number {
    return this.#feed.offset
  }

  next(): FedLine | 'idle' | 'end' | Promise<FedLine | 'idle' | 'end'> {
    const line = this.#line()
    if (line !== undefined) return line
    return this.#isOver ? 'end' : this.#wait()
  }

  async #wait(): Promise<FedLine | 'idle' | 'end'> {
    for (;;) {
      this.#pending ??= this.#ask()
      if (this.#arrived === undefined) await this.#pendingFor(WAIT_MILLIS)
      const arrived = this.#take()
      if (arrived === undefined) return 'idle'
      if ('error' in arrived)
        throw coded(
          'MR-5004',
          new Error(`cannot read standard input: ${messageOf(arrived.error)}`, { cause: arrived.error }),
        )
      if (arrived.block === undefined) this.#isOver = true
      else this.#feed.add(arrived.block)
      const line = this.#line()
      if (line !== undefined) return line
      if (this.#isOver) return 'end'
    }
  }

  async #ask(): Promise<void> {
    try {
      this.#arrived = { block: await this.#world.input.read() }
    } catch (error) {
      this.#arrived = { error }
    }
  }

  #take(): { readonly block: Uint8Array | undefined } | { readonly error: unknown } | undefined {
    const arrived = this.#arrived
    if (arrived === undefined) return undefined
    this.#arrived = undefined
    this.#pending = undefined
    return arrived
  }

  /** Waits for the block, but not for long: the run has other things to do. */
  #pendingFor(millis: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#world.env.setTimer(millis, resolve)
      void this.#pending?.then(() => {
        timer.cancel()
        resolve()
      })
    })
  }

  #line(): FedLine | undefined {
    try {
      return this.#feed.next(this.#isOver)
    } catch (error) {
      if (!(error instanceof BadLine)) throw error
      throw coded(error.code, new Error(`line at byte ${error.offset} of standard input ${error.message}`))
    }
  }
}

const names: OptionNames<ReadStdinOptions> = {
  timestamp: true,
  watermark: true,
  maxLineBytes: true,
  invalidUtf8: true,
}
