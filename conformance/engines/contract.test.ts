/**
 * The protocol written here is the one that Beam publishes: every message, field, number, enum, URN and method.
 */
import {
  createRegistry,
  type DescEnum,
  type DescEnumValue,
  type DescExtension,
  type DescField,
  type DescMessage,
  type DescService,
  getOption,
  hasOption,
  type Registry,
  toJson,
} from '@bufbuild/protobuf'
import { describe, expect, it } from 'vitest'
import { file_beam_endpoints } from '../../runners/distributed/proto/generated/beam/endpoints_pb.js'
import { file_beam_expansion } from '../../runners/distributed/proto/generated/beam/expansion_pb.js'
import { file_beam_fn_execution } from '../../runners/distributed/proto/generated/beam/fn_execution_pb.js'
import { file_beam_job_management } from '../../runners/distributed/proto/generated/beam/job_management_pb.js'
import {
  beam_constant,
  beam_urn,
  file_beam_metrics,
  label_props,
  monitoring_info_spec,
} from '../../runners/distributed/proto/generated/beam/metrics_pb.js'
import { file_beam_pipeline } from '../../runners/distributed/proto/generated/beam/pipeline_pb.js'
import { file_beam_provision } from '../../runners/distributed/proto/generated/beam/provision_pb.js'
import { file_beam_schema } from '../../runners/distributed/proto/generated/beam/schema_pb.js'
import { beamDescriptors } from './beam-descriptors.js'
import { beamPython } from './beam-python.js'

const PACKAGE = 'org.apache.beam.model.'
const ours = createRegistry(
  file_beam_endpoints,
  file_beam_expansion,
  file_beam_fn_execution,
  file_beam_job_management,
  file_beam_metrics,
  file_beam_pipeline,
  file_beam_provision,
  file_beam_schema,
)
const beam = beamPython()
if ('missing' in beam) console.log(`skipped: the contract test needs Beam's Python package: ${beam.missing}`)
const theirs = 'missing' in beam ? createRegistry() : beamDescriptors(beam.python)

/** What a kind of field is, as text: its type, how often it stands, the oneof it is in. */
function shapeOf(field: DescField): string {
  const { number, name, oneof } = field
  const type = ((): string => {
    switch (field.fieldKind) {
      case 'scalar':
        return `scalar ${field.scalar}`
      case 'enum':
        return field.enum.typeName
      case 'message':
        return field.message.typeName
      case 'list':
        return `list ${field.listKind === 'scalar' ? field.scalar : (field.message ?? field.enum).typeName}`
      case 'map':
        return `map ${field.mapKey} ${field.mapKind === 'scalar' ? field.scalar : (field.message ?? field.enum).typeName}`
    }
  })()
  return `${number} ${name}: ${type}${oneof === undefined ? '' : ` of ${oneof.name}`} presence ${field.presence}`
}

const options: readonly DescExtension[] = [beam_urn, beam_constant, label_props, monitoring_info_spec]

function textOfMessage(message: DescMessage): readonly string[] {
  return message.fields.map(shapeOf).sort()
}

// An option of some kind, of which only the table above knows that it is one of an enum's values.
const saysOption = hasOption as unknown as (value: DescEnumValue, option: DescExtension) => boolean
const optionOf = getOption as unknown as (value: DescEnumValue, option: DescExtension) => unknown

/** A specification without its annotations: those are sentences for people. */
function factsOf(option: DescExtension, content: unknown): string {
  const { annotations: _, ...facts } = toJson(option.message as DescMessage, content as never) as {
    annotations: unknown
  }
  return JSON.stringify(facts)
}

/** Values with their numbers, and with what Beam says of them: URN, constant, specification. */
function textOfEnum({ values }: DescEnum): readonly string[] {
  return values.map((value) => {
    const said = options
      .filter((option) => saysOption(value, option))
      .map((option) => {
        const content = optionOf(value, option)
        const isText = typeof content === 'string'
        return `${option.typeName} = ${isText ? content : factsOf(option, content)}`
      })
    return `${value.number} ${value.name} ${said.sort().join(' ')}`
  })
}

function textOfService({ methods }: DescService): readonly string[] {
  return methods
    .map(({ name, methodKind, input, output }) => `${name} ${methodKind} ${input.typeName} → ${output.typeName}`)
    .sort()
}

/** Everything of Beam's packages in a registry, as text by name. */
function textOf(registry: Registry): ReadonlyMap<string, readonly string[]> {
  const text = new Map<string, readonly string[]>()
  for (const each of registry) {
    if (!each.typeName.startsWith(PACKAGE)) continue
    if (each.kind === 'message') text.set(`message ${each.typeName}`, textOfMessage(each))
    if (each.kind === 'enum') text.set(`enum ${each.typeName}`, textOfEnum(each))
    if (each.kind === 'service') text.set(`service ${each.typeName}`, textOfService(each))
    if (each.kind === 'extension') text.set(`extension ${each.typeName}`, [`${each.number} ${each.extendee.typeName}`])
  }
  return text
}

describe.skipIf('missing' in beam)("the protocol is Beam's", () => {
  const written = textOf(ours)
  const published = textOf(theirs)

  it('compares something', () => {
    expect(published.size).toBeGreaterThan(300)
    expect(published.get(`message ${PACKAGE}pipeline.v1.PTransform`)).toContain('5 unique_name: scalar 9 presence 2')
    expect(published.get(`enum ${PACKAGE}pipeline.v1.StandardPTransforms.Primitives`)?.join()).toContain(
      'beam:transform:pardo:v1',
    )
  })

  it('has every message, enum, service and option, and no other', () => {
    expect([...written.keys()].sort()).toEqual([...published.keys()].sort())
  })

  it.each([...published.keys()].sort())('%s', (name) => expect(written.get(name)).toEqual(published.get(name)))
})
