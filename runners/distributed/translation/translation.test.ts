import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import * as t from 'io-ts'
import { describe, expect, it } from 'vitest'
import { casesOf, modules } from '../../../conformance/cases/index.js'
import { allModes } from '../../../conformance/harness/modes.js'
import { runCase } from '../../../conformance/harness/run-case.js'
import type { BuiltPipeline, CoderNode, PipelineGraph } from '../../../sdk/graph/model.js'
import * as urns from '../../../sdk/graph/urns.js'
import {
  external,
  fixedWindows,
  pipeline,
  pythonCallable,
  pythonTransform,
  state,
  wireType,
} from '../../../sdk/index.js'
import { strategyText } from '../../../sdk/windowing/windowing-strategy.js'
import { featuresOf } from '../../core/features.js'
import { DIRECT_FEATURES } from '../../direct/direct-runner.js'
import type { Runner } from '../../runner.js'
import { EnvironmentSchema, type Pipeline, PipelineSchema } from '../proto/generated/beam/pipeline_pb.js'
import { graphFromWire } from './graph-from-wire.js'
import { graphToWire } from './graph-to-wire.js'
import { decodeReference, encodeReference } from './references.js'
import { repeatedOnce } from './windowing.js'

const environment = create(EnvironmentSchema, { urn: 'beam:env:external:v1' })

/** There and back, through bytes. */
function sent(built: BuiltPipeline): Pipeline {
  return fromBinary(PipelineSchema, toBinary(PipelineSchema, graphToWire(built, { moduleHash: 'm', environment })))
}

/** A graph without what is not sent, in a form that says where two differ. */
function facts({ components, rootTransformIds }: PipelineGraph): unknown {
  const sorted = <V>(map: ReadonlyMap<string, V>, text: (value: V) => unknown): unknown =>
    Object.fromEntries([...map].sort(([a], [b]) => (a < b ? -1 : 1)).map(([id, value]) => [id, text(value)]))
  return {
    rootTransformIds,
    collections: sorted(components.collections, (node) => node),
    coders: sorted(components.coders, (node: CoderNode) => JSON.parse(JSON.stringify(node))),
    strategies: sorted(components.windowingStrategies, ({ lateData: _, ...strategy }) =>
      strategyText({ ...strategy, trigger: repeatedOnce(strategy.trigger), allowsUnsafeTrigger: false }),
    ),
    transforms: sorted(components.transforms, ({ source: _, spec, ...node }) => ({
      ...node,
      spec: spec?.urn === urns.WINDOW_INTO ? { ...spec, payload: spec.payload.windowFn.payload } : spec,
    })),
  }
}

/** Sees every pipeline that cases build, and runs none. */
function watcher(seen: BuiltPipeline[]): Runner {
  return {
    name: 'direct',
    features: DIRECT_FEATURES,
    start(built) {
      seen.push(built)
      throw new Error('not run')
    },
  }
}

describe('a graph on the wire', () => {
  it('comes back with the transforms of other SDKs', () => {
    const p = pipeline()
    const { string, kv: pairOf, double, boolean } = wireType
    const transform = pythonTransform('apache_beam.Map', [pythonCallable('f'), 1], { of: 'x' })
    p.create('words', ['a'])
      .apply('row', external({ service: 'a:1', transform, input: string, output: pairOf(double, boolean) }))
      .apply(
        'bytes',
        external({
          service: 'b:2',
          transform: { urn: 'u', configuration: Uint8Array.of(1, 2) },
          input: pairOf(double, boolean),
          output: string,
        }),
      ) // prettier-ignore
      .collect('out')
    const built = p.build()
    expect(facts(graphFromWire(sent(built), built.functions))).toEqual(facts(built.graph))
  })

  let graphs = 0
  it.each([...modules.keys()])(
    'comes back as it was sent: the pipelines of the conformance cases, %s',
    async (module) => {
      const seen: BuiltPipeline[] = []
      for (const each of await casesOf(module)) {
        if (each.kind === 'construction' || each.kind === 'unit') continue
        await runCase(
          each,
          { makeRunner: () => watcher(seen), modes: allModes(1).slice(0, 1), inProcess: true },
          module,
        )
      }
      graphs += seen.length
      for (const built of seen) {
        // No message says what the end of a batch is: engines refuse it by its feature.
        if (featuresOf(built).has('triggers.batch')) expect(() => sent(built)).toThrow('afterBatch()')
        else expect(facts(graphFromWire(sent(built), built.functions))).toEqual(facts(built.graph))
      }
    },
    60_000,
  )

  it('has been tried with hundreds of graphs', () => expect(graphs).toBeGreaterThan(400))

  it('names what runs where: Impulse, GroupByKey and Flatten are the engine’s, steps are ours', () => {
    const p = pipeline()
    p.create('words', ['a'])
      .keyBy('by word', (word) => word)
      .groupByKey('group')
      .collect('all')
    const { transforms } = sent(p.build()).components ?? {}
    const environments = Object.values(transforms ?? {}).map(({ spec, environmentId }) => [spec?.urn, environmentId])
    expect(environments).toContainEqual(['beam:transform:impulse:v1', ''])
    expect(environments).toContainEqual(['beam:transform:group_by_key:v1', ''])
    expect(environments).toContainEqual(['beam:transform:pardo:v1', 'millrace'])
  })

  it('says what it requires of the engine', () => {
    const p = pipeline()
    p.create('words', ['a']).collect('all')
    expect(sent(p.build()).requirements).toEqual(['beam:requirement:pardo:splittable_dofn:v1'])
    const q = pipeline()
    q.create('pairs', [{ key: 'a', value: 1 }]).parDo('remember', {
      output: t.number,
      state: { seen: state.bag(t.number) },
      process: ({ value }, { state }) => state.seen.add(value),
    })
    expect(sent(q.build()).requirements).toContain('beam:requirement:pardo:stateful:v1')
  })

  it('writes fixed windows as Beam does, byte for byte', () => {
    const p = pipeline()
    p.create('words', ['a']).windowInto('minutes', fixedWindows('1 minute')).collect('all')
    const { windowingStrategies = {} } = sent(p.build()).components ?? {}
    const payloads = Object.values(windowingStrategies).map(({ windowFn }) =>
      Buffer.from(windowFn?.payload ?? []).toString('hex'),
    )
    expect(payloads).toContain('0a02083c1200')
  })

  it('finds functions by reference, and takes nothing else for one', () => {
    const reference = { step: 'a/"b"', role: 'process', index: 3 } as const
    expect(decodeReference(encodeReference(reference, 'hash'))).toEqual({ ...reference, moduleHash: 'hash' })
    for (const bytes of ['', '{}', '{"step":"a"}', 'pickled code'])
      expect(() => decodeReference(new TextEncoder().encode(bytes))).toThrow('is no reference')
  })
})
