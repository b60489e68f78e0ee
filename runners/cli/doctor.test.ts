import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isInRange, nodeFinding, PEER_USES, peerFindings } from './doctor.js'
import { compiled, leftOvers, millrace, root } from './fixtures/command.js'

const folder = mkdtempSync(join(tmpdir(), 'millrace-doctor-test-'))
beforeAll(compiled, 120_000)
afterAll(() => {
  leftOvers()
  rmSync(folder, { recursive: true, force: true })
})

interface Report {
  readonly fine: boolean
  readonly findings: readonly { name: string; state: string; text: string; fix?: string }[]
}
const reportOf = (text: string): Report => JSON.parse(text) as Report

describe('the doctor', { timeout: 30_000 }, () => {
  it('finds all that is needed, and names what is optional with the line that installs it', async () => {
    const run = await millrace(['doctor'], { cwd: folder })
    expect(run.stdout).toContain(`✔ Node.js: ${process.versions.node}\n`)
    expect(run.stdout).toContain('✔ bundler (esbuild): ')
    expect(run.stdout).toContain(
      '– typescript: not installed (type checks, --check; pipelines run without)\n    npm install',
    )
    expect(run.stdout).toContain('· project: no package.json here or above\n    millrace init\n')
    expect(run.stdout).toContain('All that is needed is here.')
    expect([run.code, run.stderr, run.left]).toEqual([0, '', { processes: [], files: [] }])
  })

  it('speaks JSON, of the project it is asked in', async () => {
    const { stdout, code } = await millrace(['doctor', '--json'], { cwd: root })
    const { fine, findings } = reportOf(stdout)
    expect([fine, code]).toEqual([true, 0])
    expect(findings).toContainEqual({ name: 'package.json', state: 'fine', text: 'says "type": "module"' })
    expect(findings.find(({ name }) => name === 'typescript')?.state).toBe('fine')
  })

  it('exits with 1 when something needed is broken', async () => {
    const project = join(folder, 'broken')
    mkdirSync(project)
    writeFileSync(join(project, 'package.json'), '{')
    const run = await millrace(['doctor', '--json'], { cwd: project, env: { ESBUILD_BINARY_PATH: '/bin/false' } })
    const broken = reportOf(run.stdout).findings.filter(({ state }) => state === 'broken')
    expect(broken.map(({ name }) => name)).toEqual(['bundler (esbuild)', 'package.json'])
    expect(run.code).toBe(1)
    const full = await millrace(['doctor'], { cwd: folder, env: { TMPDIR: join(folder, 'missing') } })
    expect(full.stdout).toContain('✘ temporary files: ')
    expect(full.code).toBe(1)
  })
})

it('knows what every optional package is for', () => {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    readonly peerDependencies: Readonly<Record<string, string>>
  }
  expect([...PEER_USES.keys()].sort()).toEqual(Object.keys(manifest.peerDependencies).sort())
})

it('tells packages that are too old from those that are right', () => {
  const project = join(folder, 'packages')
  for (const [name, version] of [
    ['old', '1.2.3'],
    ['right', '2.0.1'],
  ] as const) {
    mkdirSync(join(project, 'node_modules', name), { recursive: true })
    writeFileSync(join(project, 'node_modules', name, 'package.json'), JSON.stringify({ name, version }))
  }
  expect(peerFindings(project, { peerDependencies: { old: '>=2 <3', right: '>=2 <3', none: '>=1' } })).toEqual([
    { name: 'old', state: 'note', text: '1.2.3, and an optional part needs >=2 <3', fix: 'npm install "old@>=2 <3"' },
    { name: 'right', state: 'fine', text: '2.0.1 (an optional part)' },
    { name: 'none', state: 'missing', text: 'not installed (an optional part)', fix: 'npm install "none@>=1"' },
  ])
})

it('says which Node.js is needed', () => {
  expect(nodeFinding('20.19.0', '>=20.19').state).toBe('fine')
  expect(nodeFinding('20.18.3', '>=20.19')).toMatchObject({
    state: 'broken',
    text: '20.18.3, and millrace needs >=20.19',
  })
})

it.each([
  ['1.9.1', '>=1.9 <2', true],
  ['1.10.0', '>=1.9 <2', true],
  ['2.0.0', '>=1.9 <2', false],
  ['1.8.9', '>=1.9 <2', false],
  ['0.17.5', '>=0.17 <0.18', true],
  ['4.0.0-beta.1', '>=4', true],
  ['4.1.2', '4.1.2', true],
  ['4.1.2', '>4.1.2', false],
  ['4.1.2', '<=4.1.2', true],
])('%s in %s: %s', (version, range, expected) => expect(isInRange(version, range)).toBe(expected))
