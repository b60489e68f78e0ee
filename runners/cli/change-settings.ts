/**
 * Options of `millrace run` about a pipeline that has changed since its checkpoint was written.
 */
import { type Options, UsageError } from './command-line.js'
import type { RunnerSettings } from './runner-settings.js'

/** What they say. @throws {UsageError} */
export function changeSettings(
  options: Options,
): Pick<RunnerSettings, 'onChange' | 'renameSteps' | 'dropState' | 'partitions'> {
  const onChange = options.get('on-change')
  if (onChange !== undefined && onChange !== 'refuse' && onChange !== 'migrate')
    throw new UsageError('MR-7003', `--on-change is refuse or migrate, not "${String(onChange)}".`, String(onChange), [
      'refuse',
      'migrate',
    ])
  const [renames, drops] = [linesOf(options, 'rename-step'), linesOf(options, 'drop-state')]
  return {
    ...(onChange === undefined ? {} : { onChange }),
    ...(renames.length === 0 ? {} : { renameSteps: Object.fromEntries(renames.map(renameOf)) }),
    ...(drops.length === 0 ? {} : { dropState: drops }),
    ...partitionsOf(options.get('partitions')),
  }
}

/** The values of an option that may be given several times. */
function linesOf(options: Options, name: string): readonly string[] {
  const given = options.get(name)
  return typeof given === 'string' ? given.split('\n') : []
}

function renameOf(text: string): readonly [string, string] {
  const at = text.indexOf('=')
  if (at > 0 && at < text.length - 1) return [text.slice(0, at), text.slice(at + 1)]
  throw new UsageError('MR-7003', `--rename-step needs old=new, such as sum=total, not "${text}".`, '')
}

function partitionsOf(given: string | boolean | undefined): Pick<RunnerSettings, 'partitions'> {
  if (given === undefined) return {}
  const partitions = Number(given)
  if (Number.isSafeInteger(partitions) && partitions >= 1 && partitions <= 256) return { partitions }
  throw new UsageError('MR-7003', `--partitions needs a whole number from 1 to 256, not "${String(given)}".`)
}
