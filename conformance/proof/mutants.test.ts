/**
 * Every mutant still applies, and is to be caught by cases that exist.
 */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { listCases } from '../harness/suite.js'
import { compiled, type Mutant, mutated } from './mutants/mutant.js'
import { mutants } from './mutants/index.js'

const root = new URL('../../', import.meta.url)
const sourceOf = (file: string): string => readFileSync(fileURLToPath(new URL(file, root)), 'utf8')

describe('mutants', () => {
  it('have names of their own', () => {
    const names = mutants.map(({ name }) => name)
    expect(names.filter((name, at) => names.indexOf(name) !== at || !/^[a-z]+(-[a-z]+)*$/.test(name))).toEqual([])
  })

  it.each(mutants.map((mutant) => [mutant.name, mutant] as const))('%s applies', async (_, mutant) => {
    expect(compiled(mutated(mutant, sourceOf(mutant.file)), mutant.file)).not.toBe('')
    const { caughtBy, caughtWithin = 0, caughtByTest } = mutant
    const kinds = [caughtBy.length > 0, caughtWithin > 0, caughtByTest !== undefined]
    expect(kinds.filter(Boolean)).toHaveLength(1)
    if (caughtByTest !== undefined) expect(sourceOf(caughtByTest.file)).toContain(caughtByTest.name)
    for (const id of mutant.caughtBy) expect((await listCases(id)).length, id).toBeGreaterThan(0)
  })

  it('an edit that no longer applies, or applies twice, is refused', () => {
    const mutant: Mutant = { name: 'x', breaks: 'y', file: 'z.ts', from: 'a', to: 'b', caughtBy: ['CRE-01'] }
    expect(mutated(mutant, 'const a = 1')).toBe('const b = 1')
    expect(() => mutated(mutant, 'let x = 1')).toThrow('its text occurs 0 times in z.ts')
    expect(() => mutated(mutant, 'a + a')).toThrow('its text occurs 2 times in z.ts')
    expect(() => mutated({ ...mutant, to: 'a' }, 'a')).toThrow('changes nothing')
  })
})
