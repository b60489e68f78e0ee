/**
 * Scenarios that Beam Java was recorded with, answered by Flink through `millrace conformance --scenarios`, beside the direct
 * runner's answers.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { conformanceCommand } from '../harness/command.js'
import type { OraclePane } from '../oracle/scenario.js'
import { testFolders } from '../support/test-folders.js'
import { isFlinkTried } from './installed.js'

const MILLIS = 240_000
const isThere = isFlinkTried()
if (!isThere) console.log('skipped: Flink is not installed. npm run engines -- install flink')

const folder = testFolders('scenarios')()

interface Answered {
  readonly id: string
  readonly error?: string
  readonly panes: readonly OraclePane[]
  readonly panesFirst: readonly OraclePane[]
  readonly panesSecond: readonly OraclePane[]
  readonly droppedDueToLateness: number
}

/** Sessions with triggers in turn, sums and groups, late elements; of the last one Flink gives empty panes besides, which workers drop. */
const ALIKE = ['t001006', 't001374', 't001406', 't001568']
const CLOCK = 't001077'

function recorded(name: string, ids: readonly string[]): readonly string[] {
  const lines = readFileSync(new URL(`../oracle/${name}.jsonl`, import.meta.url), 'utf8').split('\n')
  return ids.map((id) => lines.find((line) => line.includes(`"id":"${id}"`)) ?? `there is no ${id}`)
}

async function answersOf(
  runners: string,
  lines: readonly string[],
): Promise<{ readonly answered: readonly Answered[]; readonly holds: boolean }> {
  const scenarios = join(folder, `${runners}.jsonl`)
  writeFileSync(scenarios, `${lines.join('\n')}\n`)
  let told = ''
  const holds = await conformanceCommand({ scenarios, runners }, (text) => void (told += text))
  return { answered: told.trimEnd().split('\n').map((line) => JSON.parse(line) as Answered), holds } // prettier-ignore
}

const withoutStep = ({ step: _step, ...pane }: OraclePane): string => JSON.stringify(pane)

describe.skipIf(!isThere)('scenarios on Flink', () => {
  it(
    'give the panes that the direct runner gives, during the same events, each line in its place',
    async () => {
      const lines = [...recorded('triggers', [...ALIKE, CLOCK]), ...recorded('chained', ['c020142'])]
      const [onFlink, direct] = [await answersOf('flink', lines), await answersOf('direct', lines)]
      expect(onFlink.holds).toBe(false)
      expect(direct.holds).toBe(true)
      expect(onFlink.answered.map(({ id }) => id)).toEqual([...ALIKE, CLOCK, 'c020142'])
      let [alike, all] = [0, 0]
      for (const [
        at,
        { id, panes, panesFirst, panesSecond, error, droppedDueToLateness },
      ] of onFlink.answered.entries()) {
        const wanted = direct.answered[at] as Answered
        if (id === CLOCK) {
          expect(error).toMatch(/flink runner does not support testStream\.processingTime/)
          continue
        }
        expect(error, id).toBeUndefined()
        expect(droppedDueToLateness, id).toBe(wanted.droppedDueToLateness)
        const isChained = id.startsWith('c')
        const got = isChained ? [...panesFirst, ...panesSecond] : panes
        const expected = isChained ? [...wanted.panesFirst, ...wanted.panesSecond] : wanted.panes
        expect(got.map(withoutStep).sort(), id).toEqual(expected.map(withoutStep).sort())
        const steps = new Set(expected.map((pane) => JSON.stringify(pane)))
        alike += got.filter((pane) => steps.has(JSON.stringify(pane))).length
        all += got.length
      }
      // During which event a pane comes is told by a time of quiet, which a machine that others use too may miss.
      expect(all).toBeGreaterThan(20)
      expect(alike / all).toBeGreaterThan(0.8)
    },
    MILLIS,
  )
})
