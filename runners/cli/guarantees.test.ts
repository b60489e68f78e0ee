/** What the ends of a pipeline are promised, as the command says it: of a graph, and of a run with a checkpoint. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { compiled, leftOvers, start } from './fixtures/command.js'
import { type Project, project } from './fixtures/project.js'

beforeAll(compiled, 240_000)
let made: Project
afterAll(() => {
  leftOvers()
  made.remove()
})

const text = `
import { definePipeline } from 'millrace'
import { readStdin, writeLines, writeStdout } from 'millrace/io/text'

export default definePipeline({
  name: 'echo',
  build(p) {
    p.create('names', ['ann']).apply('write', writeLines('out.txt'))
    p.apply('in', readStdin()).apply('out', writeStdout())
  },
})
`

it('graph --guarantees, run and its refusal agree', { timeout: 120_000 }, async () => {
  made = project({ 'echo.ts': text })
  const at = { cwd: made.folder }
  const shown = await start(['graph', 'echo.ts', '--guarantees'], at).ended
  expect([shown.code, shown.stdout]).toEqual([
    0,
    expect.stringMatching(
      / write\/commit: exactly-once\n {2}out\/?\w*: gap, as what source "in" had read .* is gone; the sink shows/,
    ),
  ])
  const json = JSON.parse((await start(['graph', 'echo.ts', '--guarantees', '--json'], at).ended).stdout) as {
    readonly sinks: readonly { readonly promise: string }[]
  }
  expect(json.sinks.map(({ promise }) => promise)).toEqual(['exactly-once', 'gap'])
  const batches = ['--runner', 'micro-batch', '--checkpoint', 'kept']
  const refused = await start(['run', 'echo.ts', ...batches, '--guarantee', 'exactly-once'], at).ended
  expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('MR-6070')])
  const run = await start(['run', 'echo.ts', ...batches, '--guarantee', 'at-most-once'], at).ended
  expect(run.code).toBe(0)
  expect(run.stderr).toContain('after a crash\n')
  expect(run.stderr).toMatch(
    / {2}write\/commit: at-most-once, as what was not delivered before a crash is not delivered\n/,
  )
  const both = await start(['graph', 'echo.ts', '--guarantees', '--format', 'svg'], at).ended
  expect([both.code, both.stderr]).toEqual([2, expect.stringContaining('--format is for the picture')])
})
