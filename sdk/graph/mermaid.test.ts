import * as t from 'io-ts'
import { expect, it } from 'vitest'
import {
  fixedWindows,
  flatten,
  OffsetRangeTracker,
  type Pipeline,
  pipeline,
  sessionWindows,
  source,
  typed,
  watermarks,
} from 'millrace'
import { mermaid } from './mermaid.js'

function drawn(write: (p: Pipeline) => void): string {
  const p = pipeline()
  write(p)
  return mermaid(p.build().graph)
}

it('draws steps, composites, windows, codecs, side inputs and dead letters', () => {
  const text = drawn((p) => {
    const bad = p.errors('bad rows', (letters) => letters.print('show bad'))
    const limits = p.create('limits', [{ key: 'a', value: 1 }]).asMap('by user')
    const orders = p
      .create('read', ['{}'])
      .map('parse', (line) => JSON.parse(line) as { user: string; cents: number }, {
        codec: t.type({ user: t.string, cents: t.number }),
        onError: bad,
      })
      .windowInto('per hour', fixedWindows('1 hour'), { allowedLateness: 1000, accumulation: 'accumulating' })
    const sums = orders.apply('sums', (all) => all.keyBy('by user', (order) => order.user).countPerKey('count'))
    const over = sums.parDo('over limit', {
      outputs: { over: t.string, under: typed<string>() },
      sides: { limits },
      process: ({ key }, { emit, sides }) => ((sides.limits.get(key) ?? 0) > 1 ? emit.over(key) : emit.under(key)),
    })
    flatten('both', [over.over, over.under]).collect('all')
  })
  expect(text).toMatchInlineSnapshot(`
    "flowchart TD
      n0(["read"])
      n1["parse<br/>#123; user#58; string, cents#58; number #125;"]
      subgraph s0["bad rows"]
        n2(("letters"))
        n3(["print show bad"])
      end
      n4(["limits<br/>KV#60;dynamic, dynamic#62;"])
      n5[/"by user"/]
      n6["per hour<br/>fixed windows of 1 h<br/>accumulating panes<br/>allowed lateness 1 s"]
      subgraph s1["sums"]
        n7["by user<br/>KV#60;dynamic, #123; user#58; string, cents#58; number #125;#62;"]
        n8{{"count<br/>KV#60;dynamic, number#62;"}}
      end
      n9["over limit<br/>string #124; dynamic"]
      n10(("both<br/>dynamic"))
      n11(["collect all"])
      n0 --> n1
      n1 -- "dead letters" --> n2
      n2 --> n3
      n4 --> n5
      n1 --> n6
      n6 --> n7
      n7 --> n8
      n8 --> n9
      n5 -. "limits" .-> n9
      n9 -- "over" --> n10
      n9 -- "under" --> n10
      n10 --> n11
    "
  `)
})

it('shows where a collection begins to be endless', () => {
  const ticks = source({
    output: typed<number>(),
    bounded: false,
    replayable: true,
    watermark: watermarks.none(),
    restriction: () => ({ from: 0, to: 10 }),
    restrictionCodec: typed<{ from: number; to: number }>(),
    tracker: (range) => new OffsetRangeTracker(range),
    process: () => undefined,
  })
  expect(
    drawn((p) => {
      p.apply('ticks', ticks)
        .windowInto('sessions', sessionWindows('1 minute'))
        .keyBy('parity', (n) => n % 2)
        .groupByKey('group')
        .print('show')
    }),
  ).toMatchInlineSnapshot(`
    "flowchart TD
      n0(["ticks<br/>unbounded"])
      n1["sessions<br/>sessions with a gap of 1 min"]
      n2["parity<br/>KV#60;dynamic, dynamic#62;"]
      n3{{"group<br/>KV#60;dynamic, Iterable#60;dynamic#62;#62;"}}
      n4(["print show"])
      n0 ==> n1
      n1 ==> n2
      n2 ==> n3
      n3 ==> n4
    "
  `)
})

it('names that look like markup stay names', () => {
  const names = [
    'a"b',
    'x] --> y[',
    '<script>alert(1)<\\script>',
    '`*bold*`',
    'end',
    '#quot;',
    'style a:#fff;',
    'ünï—ço∂é 日本 😀',
    'line\nbreak',
    'pipe|{curly}',
    '%% comment',
    'back\\slash; subgraph',
    'lone \ud800 surrogate',
  ]
  const text = drawn((p) => names.forEach((name) => p.create(name, [1])))
  expect(text).toMatchInlineSnapshot(`
    "flowchart TD
      n0(["a#34;b"])
      n1(["x#93; --#62; y#91;"])
      n2(["#60;script#62;alert(1)#60;#92;script#62;"])
      n3(["#96;#42;bold#42;#96;"])
      n4(["end"])
      n5(["#35;quot#59;"])
      n6(["style a#58;#35;fff#59;"])
      n7(["ünï#8212;ço#8706;é 日本 #128512;"])
      n8(["line break"])
      n9(["pipe#124;#123;curly#125;"])
      n10(["#37;#37; comment"])
      n11(["back#92;slash#59; subgraph"])
      n12(["lone   surrogate"])
    "
  `)
  for (const line of text.split('\n').slice(1, -1)) expect(line).toMatch(/^ {2}n\d+\(\["[^"<>[\]{}|`\\%:]*"\]\)$/)
})
