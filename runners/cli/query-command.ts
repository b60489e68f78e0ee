/**
 * `millrace query`: a pipeline over what a checkpoint keeps. It is given a view of one committed batch, so that all it reads fits together.
 */
import { viewOf } from './checkpoint-copy.js'
import { type CommandInvocation, UsageError } from './command-line.js'
import { pipelineCommand } from './pipeline-command.js'
import { withToldErrors } from './told-errors.js'

/** Does the command. @returns the exit code. */
export async function queryCommand(invocation: CommandInvocation): Promise<number> {
  const { options, rest, wantsHelp } = invocation
  if (wantsHelp) return pipelineCommand(invocation)
  const place = options.get('checkpoint')
  if (typeof place !== 'string')
    throw new UsageError('MR-7003', 'millrace query needs --checkpoint, the folder whose state is asked.', '')
  return withToldErrors(options, async () => {
    const view = await viewOf(place)
    try {
      const own = new Map([...options].filter(([name]) => name !== 'checkpoint'))
      const asking = { ...invocation, options: own, rest: ['--checkpoint', view.folder, ...rest] }
      return await view.looked(() => pipelineCommand(asking, undefined, undefined, (text) => view.shown(text)))
    } finally {
      view.remove()
    }
  })
}
