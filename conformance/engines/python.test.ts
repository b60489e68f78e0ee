/**
 * Pipelines that mix transforms of Beam's Python SDK with ours: its expansion service says what they are, Flink has them executed by a
 * Python worker beside ours.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  external,
  type ExternalTransform,
  fixedWindows,
  kv,
  pipeline,
  type Pipeline,
  type PipelineResult,
  pythonCallable,
  pythonTransform,
  run,
  UnsupportedFeature,
  wireType,
} from 'millrace'
import * as t from 'io-ts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Engine, engineRunner } from '../../runners/distributed/distributed-runner.js'
import { freePort, startEngine } from '../../runners/distributed/node/engine-process.js'
import { startFlink } from '../../runners/distributed/node/flink.js'
import { distributedCapabilities } from '../../runners/distributed/node/node.js'
import type { Runner } from '../../runners/runner.js'
import { testFolders } from '../support/test-folders.js'
import { beamPython } from './beam-python.js'
import { isFlinkTried } from './installed.js'

const folder = testFolders('python')

const hasFlink = isFlinkTried()
if (!hasFlink) console.log('skipped: Flink is not installed. npm run engines -- install flink')
const python = hasFlink ? beamPython() : { missing: 'there is no Flink' }
if ('missing' in python) console.log(`skipped: ${python.missing}`)

const MILLIS = 180_000
const { string, int64, kv: pairOf } = wireType

const sorted = (result: PipelineResult, name: string): readonly string[] => [...result.collect<string>(name)].sort()

/** Python's expansion service, which starts Python workers, too. */
async function expansionService(interpreter: string): Promise<Engine> {
  const port = await freePort()
  const args = [
    ...['-m', 'apache_beam.runners.portability.expansion_service_main'],
    ...['--port', String(port), '--fully_qualified_name_glob', '*', '--serve_loopback_worker'],
    ...['--environment_type=EXTERNAL', `--environment_config=localhost:${port}`],
  ]
  return startEngine({ name: 'the expansion service', program: interpreter, args, port, startMillis: MILLIS, outlivesUs: false }, () => undefined) // prettier-ignore
}

describe.skipIf('missing' in python)('transforms of Python on Flink', () => {
  let flink: Engine
  let service: Engine
  let runner: Runner
  beforeAll(async () => {
    if ('missing' in python) return
    service = await expansionService(python.python)
    flink = await startFlink(() => undefined)
    runner = engineRunner('flink', distributedCapabilities(), { endpoint: flink.address })
  }, MILLIS)
  afterAll(async () => {
    await flink.close()
    await service.close()
  }, MILLIS)

  const lines = ['to be or not to be', 'that is the question', 'to be']

  /** Words, made large in Python, and counted there, between steps of ours. */
  function counting(p: Pipeline): void {
    p.create('lines', lines)
      .flatMap('split', (line) => line.split(' '))
      .apply(
        'upper',
        external({
          service: service.address,
          transform: pythonTransform('apache_beam.Map', [pythonCallable('lambda word: word.upper()')]),
          input: string,
          output: string,
        }),
      )
      .apply(
        'count',
        external({
          service: service.address,
          transform: pythonTransform('apache_beam.transforms.combiners.Count.PerElement'),
          input: string,
          output: pairOf(string, int64),
        }),
      )
      .map('say', ({ key, value }) => `${key} ${value}`)
      .collect('counts')
  }

  it(
    'stand between steps of ours, and give what ours give',
    async () => {
      const result = await run(counting, { runner })
      const ours = await run((p) => {
        p.create('lines', lines)
          .flatMap('split', (line) => line.toUpperCase().split(' '))
          .countPerElement('count')
          .map('say', ({ key, value }) => `${key} ${value}`)
          .collect('counts')
      })
      expect(sorted(result, 'counts')).toEqual(sorted(ours, 'counts'))
    },
    MILLIS,
  )

  it(
    'get values, windows and rows as they were given',
    async () => {
      const visit = t.type({ user: t.string, cents: t.number })
      const result = await run(
        (p) => {
          p.create('visits', [
            { user: 'ann', cents: 120.5 },
            { user: 'ben', cents: 7 },
            { user: 'ann', cents: 1 },
          ])
            .withTimestamps('at', (_, i = 0) => i)
            .windowInto('windows', fixedWindows('1 minute'))
            .apply(
              'richer',
              external({
                service: service.address,
                transform: pythonTransform('apache_beam.Filter', [
                  pythonCallable('lambda visit, least: visit.cents >= least'),
                  7,
                ]),
                input: wireType.row(visit),
                output: wireType.row(visit),
              }),
            )
            .map('say', ({ user, cents }) => `${user} ${cents}`)
            .collect('out')
        },
        { runner },
      )
      expect(sorted(result, 'out')).toEqual(['ann 120.5', 'ben 7'])
      expect(new Set(result.collectWindowed('out').map(({ window }) => String(window))).size).toBe(1)
    },
    MILLIS,
  )

  it(
    'may read no collection of ours',
    async () => {
      const file = join(folder(), 'lines.txt')
      writeFileSync(file, 'letters\na\nb\nc\n')
      const result = await run(
        (p) => {
          p.apply(
            'made there',
            external({
              service: service.address,
              transform: pythonTransform('apache_beam.io.ReadFromText', [file], { skip_header_lines: 1 }),
              output: string,
            }),
          ).collect('out')
        },
        { runner },
      )
      expect(sorted(result, 'out')).toEqual(['a', 'b', 'c'])
    },
    MILLIS,
  )

  const upperBy = (transform: ExternalTransform, address: string) => (p: Pipeline) => {
    p.create('words', ['a'])
      .apply('upper', external({ service: address, transform, input: string, output: string }))
      .collect('out')
  }

  it('fail the run by what Python says, naming the step and the service', async () => {
    const unknown = pythonTransform('apache_beam.NoSuchTransform')
    await expect(run(upperBy(unknown, service.address), { runner })).rejects.toThrow(
      new RegExp(`step "upper.*could not be expanded by ${service.address}: .*NoSuchTransform`),
    )
  })

  it('fail the run where nobody here could read what they write', async () => {
    const untyped = pythonTransform('apache_beam.CombinePerKey', [pythonCallable('lambda values: sum(values)')])
    const total = external({ service: service.address, transform: untyped, input: pairOf(string, int64), output: pairOf(string, int64) }) // prettier-ignore
    const p = pipeline()
    p.create('pairs', [kv('a', 1)])
      .apply('total', total)
      .collect('out')
    await expect(run(p, { runner })).rejects.toThrow(
      /written as beam:coder:kv:v1<.*pickled_python.*, and the step expects beam:coder:kv:v1<.*varint/,
    )
  })

  it('fail the run within seconds where no service answers', async () => {
    const map = pythonTransform('apache_beam.Map', [pythonCallable('lambda word: word.upper()')])
    const port = await freePort()
    await expect(run(upperBy(map, `localhost:${port}`), { runner })).rejects.toThrow(
      `could not be expanded by localhost:${port}`,
    )
  }, 30_000)
})

it('runners without workers of other SDKs refuse them by name', async () => {
  const transform = pythonTransform('apache_beam.Map', [pythonCallable('lambda word: word.upper()')])
  const p = pipeline()
  p.create('words', ['a'])
    .apply('upper', external({ service: 'localhost:1', transform, input: string, output: string }))
    .collect('out')
  for (const runner of ['direct', 'micro-batch'] as const) {
    const refused = run(p, { runner })
    await expect(refused).rejects.toThrow(UnsupportedFeature)
    await expect(refused).rejects.toThrow(/external \(step "upper/)
  }
})
