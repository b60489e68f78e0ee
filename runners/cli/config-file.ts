/**
 * What the configuration file says, and whether that can be.
 *
 * Law: a file that is found and wrong is an error, never passed over.
 */
import { readFileSync } from 'node:fs'
import * as t from 'io-ts'
import { isIoTs } from '../../sdk/codec.js'
import { mismatchText } from '../../sdk/mismatch.js'
import { preview } from '../../sdk/preview.js'
import { CONFIG_KEYS, type MillraceConfig } from '../config.js'
import { UsageError } from './command-line.js'

const guarantee = t.keyof({ gap: null, 'at-most-once': null, 'at-least-once': null, 'exactly-once': null })
const fields = {
  runner: t.keyof({ direct: null, 'micro-batch': null, flink: null, prism: null, 'flink-cluster': null }),
  checkpoint: t.string,
  batchInterval: t.string,
  batchSize: t.Int,
  standby: t.keyof({ cold: null, warm: null, hot: null }),
  rate: t.string,
  latencyObjective: t.string,
  workers: t.Int,
  isolation: t.keyof({ thread: null, process: null }),
  jobEndpoint: t.string,
  flinkMaster: t.string,
  engineOptions: t.record(t.string, t.union([t.string, t.number, t.boolean, t.array(t.string)])),
  environment: t.keyof({ loopback: null, external: null, process: null }),
  environmentConfig: t.string,
  linkHost: t.string,
  tokenFile: t.string,
  tlsCertificate: t.string,
  tlsKey: t.string,
  tlsAuthority: t.string,
  nativePackages: t.string,
  grace: t.string,
  callTimeout: t.string,
  check: t.boolean,
  strict: t.boolean,
  seed: t.Int,
  reexecute: t.boolean,
  bundleSize: t.Int,
  requireCodecs: t.boolean,
  stageCompiler: t.keyof({ auto: null, generated: null, closures: null }),
  guarantee,
  console: t.keyof({ limited: null, all: null, off: null }),
  pipelines: t.record(t.string, t.UnknownRecord),
} satisfies { readonly [K in keyof MillraceConfig]-?: t.Type<NonNullable<MillraceConfig[K]>, unknown> | t.Mixed }

/** A configuration that was found. */
export interface ConfigFile {
  readonly path: string
  readonly config: MillraceConfig
  /** The files it is made of. */
  readonly files: readonly string[]
}

/** Reads a configuration file. @throws {UsageError} saying what is wrong with it. */
export async function readConfig(path: string): Promise<ConfigFile> {
  const { value, files } = path.endsWith('.json') ? { value: jsonIn(path), files: [path] } : await exportOf(path)
  return { path, config: checked(path, value), files }
}

function jsonIn(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    throw new UsageError('MR-7020', `${path} is no JSON: ${(error as Error).message}`, '')
  }
}

/** What a module exports. It is bundled like a pipeline's, so that TypeScript works and a second reading sees a change. */
async function exportOf(path: string): Promise<{ value: unknown; files: readonly string[] }> {
  const { bundle } = await import('../author-module/bundle.js')
  try {
    const { code, files } = await bundle(path)
    const url = `data:text/javascript;base64,${Buffer.from(`${code}\n//# sourceURL=millrace:config\n`).toString('base64')}`
    const exports = (await import(url)) as { readonly default?: unknown }
    return { value: exports.default, files }
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    throw new UsageError('MR-7020', `${path} cannot be loaded: ${message}`, '')
  }
}

function checked(path: string, value: unknown): MillraceConfig {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    const how = path.endsWith('.json') ? '' : ' Write: export default defineConfig({ … })'
    throw new UsageError(
      'MR-7020',
      `${path} gives ${value === undefined ? 'no default export' : preview(value)}.${how}`,
      '',
    )
  }
  for (const [key, given] of Object.entries(value)) {
    if (path.endsWith('.json') && key === '$schema') continue
    if (!CONFIG_KEYS.includes(key))
      throw new UsageError('MR-7020', `${path} says "${key}", which is no setting.`, key, CONFIG_KEYS)
    const codec: t.Mixed = fields[key as keyof typeof fields]
    if (given === undefined || !isIoTs(codec)) continue
    const outcome = codec.decode(given)
    if (outcome._tag === 'Left')
      throw new UsageError('MR-7020', `${key} of ${path}: ${mismatchText(codec.name, given, outcome.left)}.`, '')
  }
  const config = value as MillraceConfig
  refuseWhatCannotTravel(path, config)
  return config
}

/** Options go to the pipeline's thread as copies. */
function refuseWhatCannotTravel(path: string, { pipelines = {} }: MillraceConfig): void {
  for (const [pipeline, options] of Object.entries(pipelines)) {
    for (const [option, value] of Object.entries(options)) {
      try {
        structuredClone(value)
      } catch {
        throw new UsageError(
          'MR-7020',
          `option "${option}" of pipeline "${pipeline}" in ${path} is ${preview(value)}, which is no data. Give text, numbers, lists or objects of them.`,
          '',
        )
      }
    }
  }
}
