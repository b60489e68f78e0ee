/**
 * Standard output as a sink: lines for whoever reads the other end of a pipe.
 *
 * Law: lines are delivered when the system has taken them; a line is never cut by another one of the same step.
 */
import * as t from 'io-ts'
import type { ByteOutput, Env } from '../../sdk/env.js'
import { PipelineError } from '../../sdk/errors.js'
import type { PCollection } from '../../sdk/pcollection.js'
import { textOf } from '../../sdk/transforms/keyed.js'

/** Characters that are written at once, but for longer lines. */
const AT_ONCE_MAX = 64 * 1024

/**
 * Writes one line per element to standard output: strings as they are, other values as JSON. Nothing is added, unlike with
 * `print`, and a slow reader makes the run wait. Lines of different steps, and what `print` shows, come in no particular order.
 *
 * When the other end is closed (`| head`), the run fails with `OutputClosed`; the `millrace` command then ends quietly, with
 * exit code 141. Lines are written when their bundle has succeeded, or their batch; after a crash in the middle of that they may come
 * twice.
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
      setup: ({ env, step }) => outputOf(env, step),
      delivery: {
        codec: t.string,
        repeats: 'visible',
        deliver: (lines, { resource }) => writeTo(resource, lines),
      },
      process: (value, { deliver }) => deliver(textOf(value)),
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

async function writeTo(output: ByteOutput, lines: readonly string[]): Promise<void> {
  const encoder = new TextEncoder()
  let from = 0
  let size = 0
  for (const [at, line] of lines.entries()) {
    size += line.length + 1
    if (size <= AT_ONCE_MAX && at < lines.length - 1) continue
    await output.write(encoder.encode(`${lines.slice(from, at + 1).join('\n')}\n`))
    from = at + 1
    size = 0
  }
}
