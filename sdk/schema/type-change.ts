/**
 * What a change of a type means for values that were written before.
 *
 * Law: where the new type is `wider`, each value of the old one, adapted, is one of the new one; where nothing is `lost`, nothing of it
 * is left out.
 */
import { type FieldShape, membersOf, type TypeShape } from './type-shape.js'

/**
 * `same`; `wider`: takes every old value; `narrower`: takes some, each is to be checked; `other`: takes none.
 */
export type TypeRelation = 'same' | 'wider' | 'narrower' | 'other'

/** See the head of this file. */
export interface TypeChange {
  readonly relation: TypeRelation
  /** Paths of fields whose values would go. */
  readonly lost: readonly string[]
}

const RANK: Readonly<Record<TypeRelation, number>> = { same: 0, wider: 1, narrower: 2, other: 3 }
const RELATIONS: readonly TypeRelation[] = ['same', 'wider', 'narrower', 'other']

const SAME: TypeChange = { relation: 'same', lost: [] }
const WIDER: TypeChange = { relation: 'wider', lost: [] }
const NARROWER: TypeChange = { relation: 'narrower', lost: [] }
const OTHER: TypeChange = { relation: 'other', lost: [] }

/** What several changes are together. */
export function together(changes: readonly TypeChange[]): TypeChange {
  const rank = changes.reduce((most, { relation }) => Math.max(most, RANK[relation]), 0)
  return { relation: RELATIONS[rank] ?? 'other', lost: changes.flatMap(({ lost }) => lost) }
}

/** What becomes of values. @param path of the value, for the fields that are lost. */
export function typeChange(from: TypeShape, to: TypeShape, path = ''): TypeChange {
  if (JSON.stringify(from) === JSON.stringify(to)) return SAME
  if (isUnknown(to)) return WIDER
  if (isUnknown(from)) return NARROWER
  if (from.kind === 'refined') {
    if (to.kind === 'refined' && to.name === from.name) return typeChange(from.of, to.of, path)
    return together([WIDER, typeChange(from.of, to, path)])
  }
  if (to.kind === 'refined') return together([NARROWER, typeChange(from, to.of, path)])
  if (from.kind === 'opaque' || to.kind === 'opaque') return NARROWER
  if (from.kind === 'union' || to.kind === 'union') return unionChange(membersOf(from), membersOf(to), path)
  if (from.kind === 'literal') return literalChange(from.value, to)
  if (to.kind === 'literal') return from.kind === 'atom' && from.name === typeof to.value ? NARROWER : OTHER
  if (from.kind === 'atom' || to.kind === 'atom') return atomChange(from, to)
  if (from.kind === 'object' && to.kind === 'object') return objectChange(from.fields, to.fields, path)
  if (from.kind === 'tuple' && to.kind === 'tuple')
    return from.members.length === to.members.length
      ? together(from.members.map((member, at) => typeChange(member, to.members[at] as TypeShape, `${path}[${at}]`)))
      : OTHER
  if (from.kind === 'tuple' && to.kind === 'array')
    return together([WIDER, ...from.members.map((member) => typeChange(member, to.of, `${path}[]`))])
  if ((from.kind === 'array' || from.kind === 'record') && to.kind === from.kind)
    return typeChange(from.of, to.of, `${path}[]`)
  if (from.kind === 'object' && to.kind === 'record')
    return together([WIDER, ...from.fields.map(({ name, of }) => typeChange(of, to.of, joined(path, name)))])
  if (from.kind === 'record' && to.kind === 'object') return NARROWER
  return OTHER
}

function isUnknown(shape: TypeShape): boolean {
  return shape.kind === 'atom' && shape.name === 'unknown'
}

function literalChange(value: string | number | boolean, to: TypeShape): TypeChange {
  const takes = to.kind === 'atom' && (to.name === typeof value || (to.name === 'Int' && Number.isSafeInteger(value)))
  return takes ? WIDER : OTHER
}

function atomChange(from: TypeShape, to: TypeShape): TypeChange {
  if (from.kind !== 'atom' || to.kind !== 'atom') return OTHER
  if (from.name === 'Int' && to.name === 'number') return WIDER
  return from.name === 'number' && to.name === 'Int' ? NARROWER : OTHER
}

/** Each old member goes where it fits best. */
function unionChange(from: readonly TypeShape[], to: readonly TypeShape[], path: string): TypeChange {
  const best = from.map((member) =>
    to
      .map((into) => typeChange(member, into, path))
      .reduce((a, b) => (RANK[b.relation] < RANK[a.relation] || betterLoss(a, b) ? b : a), OTHER),
  )
  if (best.every(({ relation }) => relation === 'other')) return OTHER
  const some = best.map((change) => (change.relation === 'other' ? NARROWER : change))
  return together([WIDER, ...some])
}

function betterLoss(a: TypeChange, b: TypeChange): boolean {
  return a.relation === b.relation && b.lost.length < a.lost.length
}

function objectChange(from: readonly FieldShape[], to: readonly FieldShape[], path: string): TypeChange {
  const now = new Map(to.map((field) => [field.name, field]))
  const before = new Set(from.map(({ name }) => name))
  const kept = from.map(({ name, of, optional }): TypeChange => {
    const field = now.get(name)
    if (field === undefined) return { relation: 'wider', lost: [joined(path, name)] }
    const change = typeChange(of, field.of, joined(path, name))
    if (optional === field.optional) return change
    return together([optional && !mayBeEmpty(field) ? NARROWER : WIDER, change])
  })
  const gained = to.filter(({ name }) => !before.has(name)).map((field) => (mayBeEmpty(field) ? WIDER : OTHER))
  // The same fields in another order are other bytes, and the same values.
  return together([WIDER, ...kept, ...gained])
}

function joined(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`
}

function accepts(shape: TypeShape, atom: 'null' | 'undefined'): boolean {
  return membersOf(shape).some(
    (member) => member.kind === 'atom' && (member.name === atom || member.name === 'unknown'),
  )
}

function mayBeEmpty({ of, optional }: FieldShape): boolean {
  return optional || accepts(of, 'undefined') || accepts(of, 'null')
}

/**
 * A value in the form in which a type has it: fields it does not name are left out, and one without a value is empty in the way in
 * which the type has it empty.
 */
export function adapted(value: unknown, to: TypeShape): unknown {
  if (typeof value !== 'object' || value === null) return value
  switch (to.kind) {
    case 'refined':
      return adapted(value, to.of)
    case 'array':
      return Array.isArray(value) ? value.map((item) => adapted(item, to.of)) : value
    case 'tuple':
      return Array.isArray(value)
        ? value.map((item, at) => adapted(item, to.members[at] ?? { kind: 'atom', name: 'unknown' }))
        : value
    case 'record':
      return isRecord(value)
        ? Object.fromEntries(Object.entries(value).map(([name, item]) => [name, adapted(item, to.of)]))
        : value
    case 'union': {
      const whole = to.members.filter(({ kind }) => kind !== 'atom' && kind !== 'literal')
      return whole.length === 1 ? adapted(value, whole[0] as TypeShape) : value
    }
    case 'object':
      return isRecord(value) ? adaptedObject(value, to.fields) : value
    default:
      return value
  }
}

function isRecord(value: object): value is Readonly<Record<string, unknown>> {
  return Object.getPrototypeOf(value) === Object.prototype || Object.getPrototypeOf(value) === null
}

function adaptedObject(value: Readonly<Record<string, unknown>>, fields: readonly FieldShape[]): unknown {
  const entries = fields.flatMap(({ name, of, optional }): readonly (readonly [string, unknown])[] => {
    const held = Object.hasOwn(value, name) ? value[name] : undefined
    if (held !== null && held !== undefined) return [[name, adapted(held, of)]]
    if (held === null && accepts(of, 'null')) return [[name, null]]
    if (optional) return []
    if (accepts(of, 'undefined')) return [[name, undefined]]
    return [[name, accepts(of, 'null') ? null : held]]
  })
  return Object.fromEntries(entries)
}
