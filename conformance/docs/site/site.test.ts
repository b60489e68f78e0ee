/**
 * What the site is made of, and what is held against it when it is finished; each check is also shown something wrong.
 */
import { describe, expect, it } from 'vitest'
import { scriptOf } from '../live/run-code.js'
import { faultsOf } from './check-site.js'
import { stagePages, titleOf } from './stage-pages.js'

const pages = [
  { path: 'README.md', text: '# millrace\n\n[sdk](sdk) [docs](docs) [errors](docs/errors) [notes](docs/notes)' },
  {
    path: 'docs/z.md',
    text: '# Zebras\n\n[example](../examples/x.ts) ![a picture](pictures/p.svg) [`code`](how-to/b.md#part)',
  },
  { path: 'docs/tutorial.md', text: '# Tutorial\n\n```ts continued\n[not](a-link)\n```' },
  { path: 'docs/how-to/index.md', text: '# How to\n\n- [B](b.md)' },
  { path: 'docs/how-to/a.md', text: '# A' },
  { path: 'docs/how-to/b.md', text: '# B: `x`' },
  { path: 'docs/errors/MR-0001.md', text: '# MR-0001' },
  { path: 'docs/notes/README.md', text: '# Notes\n\n[Two](two.md)' },
  { path: 'docs/notes/two.md', text: '# Two' },
]
const repository = {
  isFile: (path: string) => ['examples/x.ts', 'docs/pictures/p.svg'].includes(path),
  isFolder: (path: string) => ['sdk', 'docs'].includes(path),
  read: (path: string) => `text of ${path}`,
}

describe('staging', () => {
  const { texts, copies, top } = stagePages(pages, repository)

  it('orders the pages at the top, folders by their index, and leaves nobody out', () => {
    expect(top).toEqual([
      'docs/tutorial.md',
      'docs/how-to/index.md',
      'docs/errors/index.md',
      'docs/notes/README.md',
      'docs/z.md',
    ])
  })

  it('orders the pages of a folder as its index links to them, and makes an index where there is none', () => {
    expect(texts.get('docs/how-to/index.md')).toContain('children:\n  - ./b.md\n  - ./a.md\n')
    expect(texts.get('docs/notes/README.md')).toContain('children:\n  - ./two.md\n')
    expect(texts.get('docs/errors/index.md')).toContain('- [MR-0001](./MR-0001.md)')
  })

  it('takes the title from the heading', () => {
    expect(texts.get('docs/how-to/b.md')).toContain('title: "B: x"')
    expect(() => titleOf('docs/x.md', 'no heading')).toThrow('docs/x.md has no heading')
  })

  it('leads links to folders to their index, or leaves their words; files of code become texts, others are copied', () => {
    expect(texts.get('README.md')).toContain(
      'sdk docs [errors](./docs/errors/index.md) [notes](./docs/notes/README.md)',
    )
    expect(texts.get('docs/z.md')).toContain('[example](../examples/x.ts.txt) ![a picture](./pictures/p.svg)')
    expect(texts.get('docs/z.md')).toContain('[`code`](./how-to/b.md#part)')
    expect(texts.get('examples/x.ts.txt')).toBe('text of examples/x.ts')
    expect(copies).toEqual(['docs/pictures/p.svg'])
  })

  it('leaves code as it is, without the words that only the checks read', () => {
    expect(texts.get('docs/tutorial.md')).toContain('```ts\n[not](a-link)\n```')
  })
})

describe('the finished site', () => {
  const html = (body: string, head = '<title>t</title>') =>
    `<html lang="en"><head>${head}</head><body>${body}</body></html>`
  const faults = (body: string, head?: string) =>
    faultsOf(
      new Map([
        ['a/index.html', html(body, head)],
        ['b.html', html('<h2 id="here">x</h2>')],
        ['c.svg', undefined],
      ]),
    )

  it('may link to its own pages and places, and to the world', () => {
    expect(
      faults('<a href="../b.html#here"><a href="#top"><a href="https://x.example"><img src="../c.svg" alt="c">'),
    ).toEqual([])
  })

  it.each([
    ['<a href="gone.html">', 'a/index.html links to gone.html, and there is no a/gone.html.'],
    ['<a href="../b.html#there">', 'a/index.html links to ../b.html#there, and b.html has no such place.'],
    [
      '<script src="https://cdn.example/x.js"></script>',
      'a/index.html fetches https://cdn.example/x.js from elsewhere.',
    ],
    ['<link rel="stylesheet" href="//cdn.example/x.css">', 'a/index.html fetches //cdn.example/x.css from elsewhere.'],
  ])('may not have %s', (body, fault) => {
    expect(faults(body)).toEqual([fault])
  })

  it('says its language and title, and what its pictures show', () => {
    expect(faults('', '')).toEqual(['a/index.html has no title.'])
    expect(faults('<img src="../c.svg">')).toHaveLength(1)
    expect(faultsOf(new Map([['x.html', '<html><title>t</title></html>']]))).toEqual([
      'x.html does not say its language.',
    ])
  })
})

describe('code of a reader', () => {
  const modules = { millrace: { run: 1, sum: 2 } }
  it('gets what it imports, line for line', () => {
    expect(scriptOf("import {\n  run,\n  sum as add,\n} from 'millrace'\nrun(add)", modules)).toBe(
      'globalThis.__code = async (modules) => {const { run, sum: add } = modules["millrace"];\n\n\n\nrun(add)\n}',
    )
  })
  it('is refused what there is not', () => {
    expect(() => scriptOf("import { run } from 'fs'", modules)).toThrow("there is no module 'fs'")
    expect(() => scriptOf("import { toString } from 'millrace'", modules)).toThrow('exports no toString')
    expect(() => scriptOf("import 'millrace'", modules)).toThrow('only import { name }')
    expect(() => scriptOf('export const x = 1', modules)).toThrow('only import { name }')
  })
})
