/**
 * Standard output as a sink: lines for whoever reads the other end of a pipe.
 *
 * Law: a bundle is done when the system has taken its lines; a line is never cut by another one of the same step.
 */
import type { ByteOutput, Env } from '../../sdk/env.js'
import { PipelineError } from '../../sdk/errors.js'
import type { PCollection } from '../../sdk/pcollection.js'
import { textOf } from '../../sdk/transforms/keyed.js'

/** Characters gathered before they are written, although the bundle goes on. */
const KEPT_MAX = 64 * 1024

/**
 * Writes one line per element to standard output: strings as they are, other values as JSON. Nothing is added, unlike with
 * `print`, and a slow reader makes the run wait. Lines of different steps, and what `print` shows, come in no particular order.
 *
 * When the other end is closed (`| head`), the run fails with `OutputClosed`; the `millrace` command then ends quietly, with
 * exit code 141. Lines may have been written more than once when a step is tried again.
 *
 * @throws {PipelineError} when the platform has no standard output (a browser).
 * @example
 * ```ts
 * import { pipeline, run } from 'millrace'
 * import { writeStdout } from 'millrace/io/text'
 * const p = pipeline()
 * p.create('names', ['ann', 'bob']).apply('out', writeStdout())
 * await run(p)
 * ```
 */
export function writeStdout(): (input: PCollection<unknown>) => void {
  return (input) => {
    input.parDo('write', {
      setup: ({ env, step }) => new StdoutWriter(outputOf(env, step)),
      startBundle: ({ resource }) => resource.begin(),
      process: (value, { resource }) => resource.add(textOf(value)),
      finishBundle: ({ resource }) => resource.finish(),
    })
  }
}

function outputOf({ stdout }: Env, step: string): ByteOutput {
  if (stdout !== undefined) return stdout
  throw new PipelineError(
    'MR-5201',
    `step "${step}" writes to standard output, and this platform has none. Run the pipeline in Node.`,
    step,
  )
}

class StdoutWriter {
  readonly #output: ByteOutput
  readonly #encoder = new TextEncoder()
  #lines: string[] = []
  #kept = 0
  /** Writes follow one another. */
  #written: Promise<void> = Promise.resolve()
  #failure: { readonly error: unknown } | undefined

  constructor(output: ByteOutput) {
    this.#output = output
  }

  /** Forgets what a bundle that failed has left. */
  begin(): void {
    this.#lines = []
    this.#kept = 0
  }

  add(line: string): void | Promise<void> {
    this.#lines.push(line)
    this.#kept += line.length + 1
    if (this.#kept > KEPT_MAX) return this.#flush()
  }

  finish(): Promise<void> {
    return this.#flush()
  }

  #flush(): Promise<void> {
    if (this.#lines.length > 0) {
      const bytes = this.#encoder.encode(`${this.#lines.join('\n')}\n`)
      this.begin()
      this.#written = this.#written.then(() => this.#write(bytes))
    }
    return this.#written.then(() => {
      if (this.#failure !== undefined) throw this.#failure.error
    })
  }

  async #write(bytes: Uint8Array): Promise<void> {
    if (this.#failure !== undefined) return
    try {
      await this.#output.write(bytes)
    } catch (error) {
      this.#failure = { error }
    }
  }
}
