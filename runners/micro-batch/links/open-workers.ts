/**
 * Starts the workers of a run, as threads or processes. The author's module is bundled once, by the first of them.
 */
import { fileURLToPath } from 'node:url'
import { resolve } from 'node:path'
import type { ModuleText } from '../../author-module/module-text.js'
import type { WorkerModule } from '../../runner.js'
import type { OpenWorker } from '../tasks/worker-link.js'
import { openProcess } from './process-link.js'
import { type BootAndEnvironment, bootOfCall, bootOfModule } from './program.js'
import { openThread } from './thread-link.js'
import type { ConsoleSink } from './worker-boot.js'

/** Makes what opens workers of a module. @param checked the pipeline's options, as the driver has built it with. */
export function openWorkersOf(isolation: 'thread' | 'process', module: WorkerModule, checked: unknown): OpenWorker {
  let boot: Promise<BootAndEnvironment> | undefined
  const open = isolation === 'thread' ? openThread : openProcess
  const sink = module.console ?? toOwnConsole
  return async (index) => {
    const { boot: told, environment } = await (boot ??= bootOf(module, checked))
    return open(index, told, environment, sink)
  }
}

async function bootOf(module: WorkerModule, checked: unknown): Promise<BootAndEnvironment> {
  if ('call' in module) return bootOfCall({ kind: 'call', ...module.call })
  const text = 'text' in module ? (module.text as ModuleText) : await bundled(module.file)
  return bootOfModule(text, module.options ?? checked, checked)
}

async function bundled(file: string): Promise<ModuleText> {
  const { bundle } = await import('../../author-module/bundle.js')
  return bundle(file.startsWith('file:') ? fileURLToPath(file) : resolve(file))
}

const toOwnConsole: ConsoleSink = (text, stream, step) => {
  const shown = step === undefined ? text : text.replace(/^(?=.)/gm, `[${step}] `)
  ;(stream === 'out' ? process.stdout : process.stderr).write(shown)
}
