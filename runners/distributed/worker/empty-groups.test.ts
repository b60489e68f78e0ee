import { fixedWindows, kv, pipeline, sum } from 'millrace'
import { expect, it } from 'vitest'
import { NO_FIRING, type PaneInfo } from '../../../sdk/windowing/pane-info.js'
import { globalWindow } from '../../../sdk/windowing/window.js'
import { ElementBuffer } from '../../core/element-buffer.js'
import { groupedCollections, withoutEmptyGroups } from './empty-groups.js'

const ON_TIME: PaneInfo = { isFirst: true, isLast: true, timing: 'onTime', index: 0, nonSpeculativeIndex: 0 }
const LAST: PaneInfo = { isFirst: false, isLast: true, timing: 'onTime', index: 1, nonSpeculativeIndex: 0 }

it('an empty first pane is nobody’s; one that comes after others, and groups of a batch, are', () => {
  const groups = new ElementBuffer()
  groups.add(kv('a', [1]), 0, globalWindow, ON_TIME)
  groups.add(kv('b', []), 1, globalWindow, ON_TIME)
  groups.add(kv('c', []), 2, globalWindow, LAST)
  groups.add(kv('d', []), 3, globalWindow, NO_FIRING)
  const real = withoutEmptyGroups(groups)
  expect(real.values).toEqual([kv('a', [1]), kv('c', []), kv('d', [])])
  expect(real.timestamps).toEqual([0, 2, 3])
  expect(withoutEmptyGroups(real)).toBe(real)
})

it('groups of an engine are what its groupings make, in combines too, and nothing that a step makes', () => {
  const p = pipeline()
  const keyed = p.create('pairs', [kv('a', 1)]).windowInto('windows', fixedWindows(10))
  keyed.groupByKey('group').collect('groups')
  keyed.combinePerKey('sum', sum()).collect('sums')
  const grouped = [...groupedCollections(p.build())]
  expect(grouped).toContain('group.out')
  expect(grouped.filter((id) => id.startsWith('sum')).length).toBeGreaterThan(0)
  expect(grouped.filter((id) => !/^(group|sum)/.test(id))).toEqual([])
  expect(grouped).not.toContain('sum.out')
})
