/**
 * Codecs that change between two runs on one checkpoint: each kind of state with each kind of change, for rows and for codecs that are
 * none. What takes the old values reads them without being asked; what does not is refused, and may be dropped.
 */
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import * as t from 'io-ts'
import type { Pipeline } from 'millrace'
import { describe, expect, it } from 'vitest'
import { everyKind, GROUPED, type Row, type RowCodec, STATEFUL } from '../../../conformance/support/every-kind.js'
import { Feed, refusal, runOn } from '../../../conformance/support/feeds.js'
import { testFolders } from '../../../conformance/support/test-folders.js'

const folder = testFolders('schemas')

const asRow = (codec: t.Mixed): RowCodec => codec
/** A union of two types is no row: its values travel in the default form. */
const loose = t.union([t.string, t.boolean])

const before = {
  rows: asRow(t.type({ user: t.string, n: t.Int })),
  others: asRow(t.type({ user: t.string, n: t.Int, tag: loose })),
}
type Family = keyof typeof before

const base = (family: Family): t.Props => (family === 'rows' ? {} : { tag: loose })
const value = (family: Family, n: number): Row => ({ user: 'ann', n, ...(family === 'rows' ? {} : { tag: true }) })

/** What stays of the old values, where they are taken. */
interface SchemaChange {
  readonly codec: (family: Family) => RowCodec
  /** Nobody is asked; the values must be named field by field; or they must be dropped as a whole. */
  readonly needs: 'nothing' | 'fields' | 'all'
  readonly now: (old: Row) => Row
}

const changes: Readonly<Record<string, SchemaChange>> = {
  'an optional field': {
    codec: (family) =>
      asRow(t.intersection([t.type({ user: t.string, n: t.Int, ...base(family) }), t.partial({ note: t.string })])),
    needs: 'nothing',
    now: (old) => old,
  },
  'a field that may be undefined': {
    codec: (family) =>
      asRow(t.type({ note: t.union([t.string, t.undefined]), user: t.string, n: t.Int, ...base(family) })),
    needs: 'nothing',
    now: (old) => ({ note: undefined, ...old }),
  },
  'a wider type': {
    codec: (family) => asRow(t.type({ user: t.string, n: t.number, ...base(family) })),
    needs: 'nothing',
    now: (old) => old,
  },
  'a field less': {
    codec: (family) => asRow(t.type({ n: t.Int, ...base(family) })),
    needs: 'fields',
    now: ({ user: _, ...rest }) => rest,
  },
  'a field that must be there': {
    codec: (family) => asRow(t.type({ user: t.string, n: t.Int, since: t.string, ...base(family) })),
    needs: 'all',
    now: () => ({}),
  },
  'another type': {
    codec: (family) => asRow(t.type({ user: t.number, n: t.Int, ...base(family) })),
    needs: 'all',
    now: () => ({}),
  },
}

const ONE = ['value', 'combining']

describe.each<Family>(['rows', 'others'])('state whose codec is of %s', (family) => {
  const old = [value(family, 1), value(family, 2)]
  const feed = new Feed<Row>()
  let kept: string | undefined

  /** The checkpoint of the first version. */
  async function written(): Promise<string> {
    if (kept === undefined) {
      kept = join(folder(), 'kept')
      for (const [i, row] of old.entries()) feed.add(row, i * 1000)
      await runOn(kept, everyKind(before[family], feed), [feed])
    }
    const copy = join(folder(), 'kept')
    cpSync(kept, copy, { recursive: true })
    return copy
  }

  it.each(Object.keys(changes))('and gains or loses %s', async (name) => {
    const change = changes[name] as SchemaChange
    const checkpoint = await written()
    const next = new Feed<Row>()
    next.items.push(...feed.items)
    const codec = change.codec(family)
    const added = { ...change.now({ ...value(family, 3) }), ...(change.needs === 'all' ? newest(name, family) : {}) }
    next.add(added, 5000)
    next.isClosed = true
    const build = everyKind(codec, next)
    const options =
      change.needs === 'nothing'
        ? {}
        : { onChange: 'migrate' as const, dropState: await asked(change, checkpoint, build, next) }
    const result = await runOn(checkpoint, build, [next], options)
    const expected = change.needs === 'all' ? [] : old.map(change.now)
    for (const kind of STATEFUL) {
      const shown = result.collect<string>(`value of ${kind}`).map((text) => JSON.parse(text) as unknown)
      const plain = JSON.parse(
        JSON.stringify(expected, (_, held: unknown) => (held === undefined ? null : held)),
      ) as unknown[]
      // Of a set without a field, two values could become one.
      const there = kind === 'set' && change.needs === 'fields' ? [] : plain
      expect({ kind, last: shown.at(-1) }).toEqual({
        kind,
        last: ONE.includes(kind) ? (there.at(-1) ?? 'none') : there,
      })
    }
    for (const kind of GROUPED) {
      const shown = result
        .collect<string>(`value of ${kind}`)
        .map((text) => (JSON.parse(text) as Row[]).map((row) => row['n']))
      expect({ kind, shown }).toEqual({ kind, shown: [[...expected.map((row) => row['n']), 3]] })
    }
  })

  function newest(name: string, of: Family): Row {
    return { ...value(of, 3), ...(name === 'another type' ? { user: 7 } : { since: 'today' }) }
  }

  /** What has to be named, which the refusals say. */
  async function asked(
    { needs }: SchemaChange,
    checkpoint: string,
    build: (p: Pipeline) => void,
    next: Feed<Row>,
  ): Promise<readonly string[]> {
    const text = await refusal(runOn(checkpoint, build, [next]))
    for (const kind of [...STATEFUL, ...GROUPED]) expect(text).toContain(`step "${kind}"`)
    const drops = [...text.matchAll(/\(dropState: '([^']*)'\)/g)].map(([, drop]) => drop as string)
    const unnamed = await refusal(runOn(checkpoint, build, [next], { onChange: 'migrate', dropState: drops.slice(1) }))
    expect(unnamed).toContain(`(dropState: '${drops[0] ?? ''}')`)
    expect(drops.some((drop) => drop.endsWith('.user') || drop.endsWith('.[].user'))).toBe(needs === 'fields')
    return drops
  }
})
