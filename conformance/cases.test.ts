/**
 * The suite itself: addresses, declared features, and runners that lack some. That a wrong case is rejected is part of the
 * suite (`harness/wrong-cases.ts`).
 */
import { type Feature, Pipeline, type Runner } from 'millrace'
import { directRunner } from 'millrace/direct'
import { describe, expect, it } from 'vitest'
import { checkFeatures, featuresOf } from '../runners/core/features.js'
import { type ConformanceCase, NOT_RUN } from './cases/case.js'
import { casesOf, loadCase, modules } from './cases/index.js'
import { leftOutRows } from './cases/left-out.js'
import { chosenModes } from './harness/modes.js'
import { needsOf, runCase } from './harness/run-case.js'
import { buildTranscript } from './harness/run-transcript.js'
import { areaOf } from './harness/suite.js'

const all = (
  await Promise.all([...modules.keys()].map(async (module) => (await casesOf(module)).map((of) => ({ module, of }))))
).flat()

/** Assertions, and collections that are created, are made of these: every runner has them. */
const BASE: ReadonlySet<Feature> = new Set<Feature>(['groupByKey', 'flatten', 'splittable.bounded'])

function builtOf(of: ConformanceCase): readonly Pipeline[] {
  if (of.kind === 'pipeline' && of.fails?.when !== 'construction') {
    const p = new Pipeline()
    of.build(p, NOT_RUN)
    return [p]
  }
  if (of.kind !== 'transcript') return []
  return (['grouping', 'combine'] as const)
    .filter((by) => of.notBy?.[by] === undefined)
    .map((by) => {
      const p = new Pipeline()
      buildTranscript(p, of, { by, keys: ['k'], exact: true })
      return p
    })
}

describe('addresses', () => {
  it('an id stands once', () => {
    const ids = all.map(({ of }) => of.id)
    expect(ids.filter((id, at) => ids.indexOf(id) !== at)).toEqual([])
  })

  it('an id is one of the catalogue, with a suffix in words', () => {
    expect(all.map(({ of }) => of.id).filter((id) => !/^[A-Z]{3,4}-\d\d(\/[a-z0-9-]+)?$/.test(id))).toEqual([])
  })

  it('a module has the areas it says', async () => {
    for (const [module, { areas }] of modules)
      expect([...new Set((await casesOf(module)).map(areaOf))].sort(), module).toEqual([...areas].sort())
  })

  it('a case is found by module and id', async () => {
    for (const { module, of } of all) expect(await loadCase(module, of.id)).toBe(of)
    await expect(loadCase('create', 'CRE-99')).rejects.toThrow('module "create" has no case CRE-99')
    await expect(loadCase('nowhere', 'CRE-01')).rejects.toThrow('there is no module of cases "nowhere"')
  })
})

describe('rows without a case', () => {
  it('have none, and say why', () => {
    const ids = leftOutRows.map(({ id }) => id)
    expect(ids.filter((id, at) => ids.indexOf(id) !== at)).toEqual([])
    expect(ids.filter((id) => !/^[A-Z]{3}-\d\d(\/[a-z0-9-]+)?$/.test(id))).toEqual([])
    expect(leftOutRows.filter(({ reason }) => reason.length < 10)).toEqual([])
    const written = all.map(({ of }) => of.id)
    expect(ids.filter((id) => written.some((each) => each === id || each.startsWith(`${id}/`)))).toEqual([])
  })
})

describe('features', () => {
  it.each(all.filter(({ of }) => builtOf(of).length > 0).map(({ of }) => [of.id, of] as const))(
    '%s declares what its pipeline needs',
    (_, of) => {
      const needed = new Set(builtOf(of).flatMap((p) => [...featuresOf(p.build()).keys()]))
      expect([...new Set(needsOf(of))].filter((feature) => !BASE.has(feature)).sort()).toEqual(
        [...needed].filter((feature) => !BASE.has(feature)).sort(),
      )
    },
  )

  it('a runner that lacks everything but what assertions need refuses all that needs more', async () => {
    const setting = { makeRunner: onlyWith(BASE), modes: chosenModes('one', 1), inProcess: true }
    for (const { of, module } of all) {
      const { status, why } = await runCase(of, setting, module)
      const isRefused = builtOf(of).length > 0 && needsOf(of).some((feature) => !BASE.has(feature))
      if (isRefused) expect(status, `${of.id}: ${why}`).toBe('refused')
      else expect(['passed', 'leftOut'], `${of.id}: ${why}`).toContain(status)
    }
  })
})

/** The direct runner with fewer features. */
function onlyWith(features: ReadonlySet<Feature>): () => Runner {
  return () => {
    const direct = directRunner()
    return {
      name: 'less',
      features,
      start(built, options) {
        checkFeatures(built, 'less', features)
        return direct.start(built, options)
      },
    }
  }
}
