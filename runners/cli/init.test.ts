/** `millrace init`. That what it makes works from the packed package, `npm run pack:check` proves. */
import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { templates } from './commands.js'
import { compiled, leftOvers, millrace, root } from './fixtures/command.js'
import { closeTerminals, noTerminal, onTerminal } from './fixtures/terminal.js'

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'millrace-init-')))
beforeAll(compiled, 120_000)
afterAll(() => {
  leftOvers()
  closeTerminals()
  rmSync(folder, { recursive: true, force: true })
})

describe('a new project', { timeout: 60_000 }, () => {
  it.each(templates)(
    'of the template %s is complete: it has a name, its types are right, and it runs',
    async (template) => {
      const made = await millrace(['init', `My ${template}`, '--template', template], { cwd: folder })
      expect(made.stdout).toContain(`My ${template}: made from the template ${template}\n`)
      expect(made.stdout).toContain(`Next:\n  cd 'My ${template}'\n  npm install\n`)
      const project = join(folder, `My ${template}`)
      const manifest = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8')) as {
        readonly name: string
        readonly dependencies: Readonly<Record<string, string>>
      }
      expect(manifest.name).toBe(`my-${template}`)
      expect(manifest.dependencies['millrace']).toMatch(/^\^\d+\.\d+\.\d+$/)
      expect(readFileSync(join(project, '.gitignore'), 'utf8')).toContain('node_modules/')
      symlinkSync(join(root, 'node_modules'), join(project, 'node_modules'))
      const [pipeline = ''] = readdirSync(join(project, 'pipelines'))
      const past = template === 'clicks' ? ['--clicks', '100', '--start', '2026-01-01T00:00:00Z'] : []
      const run = await millrace(['run', join('pipelines', pipeline), ...past], { cwd: project })
      expect([run.code, run.stdout !== '', run.stderr]).toEqual([0, true, expect.stringContaining('done in')])
    },
  )

  it('is made here when no folder is named, of the first template, and told as JSON', async () => {
    const cwd = join(folder, 'here')
    expect((await millrace(['init', 'here', '--json'], { cwd: folder })).code).toBe(0)
    rmSync(cwd, { recursive: true })
    const { stdout } = await millrace(['init', cwd, '--json'], { cwd: folder })
    expect(JSON.parse(stdout)).toMatchObject({
      template: 'wordcount',
      folder: cwd,
      files: expect.arrayContaining(['package.json', 'tsconfig.json', join('pipelines', 'wordcount.ts'), '.gitignore']),
      next: ['cd here', 'npm install', 'npx millrace run pipelines/wordcount.ts', expect.stringContaining('graph')],
    })
  })

  it('overwrites nothing, and leaves nothing half made', async () => {
    const cwd = mkdtempSync(join(folder, 'used-'))
    writeFileSync(join(cwd, 'tsconfig.json'), 'mine')
    const run = await millrace(['init', '--template', 'clicks'], { cwd })
    expect(run.stderr).toContain(
      'error: this folder has tsconfig.json already, and nothing was written. Choose another folder: millrace init DIR\n',
    )
    expect([run.code, readdirSync(cwd), readFileSync(join(cwd, 'tsconfig.json'), 'utf8')]).toEqual([
      2,
      ['tsconfig.json'],
      'mine',
    ])
    const file = await millrace(['init', 'tsconfig.json'], { cwd })
    expect([file.code, file.stderr]).toEqual([2, expect.stringContaining('is a file. Name a folder, new or empty.')])
    const blocked = await millrace(['init', 'tsconfig.json/inner'], { cwd })
    expect([blocked.code, existsSync(join(cwd, 'package.json'))]).toEqual([2, false])
  })

  it('of a template there is not, is refused with the nearest', async () => {
    const run = await millrace(['init', 'x', '--template', 'click'], { cwd: folder })
    expect(run.stderr).toContain('error: there is no template "click". Did you mean "clicks"?\n')
    expect([run.code, existsSync(join(folder, 'x'))]).toEqual([2, false])
  })
})

it.skipIf(noTerminal() !== undefined)('a terminal is asked for the template', { timeout: 30_000 }, async () => {
  const asked = join(folder, 'asked')
  const run = onTerminal(['init', asked])
  await run.shows('Which template: wordcount, clicks, test? [wordcount]')
  run.press('clicks\r')
  expect(await run.ended).toEqual({ code: 0, isSane: true })
  expect(existsSync(join(asked, 'pipelines', 'clicks.ts'))).toBe(true)
})

it('templates are type-checked under their own options', { timeout: 120_000 }, () => {
  // As a project that has millrace installed: a self-reference of the package would lead to its sources' options.
  const cwd = mkdtempSync(join(folder, 'types-'))
  for (const template of templates) {
    const project = join(cwd, template)
    spawnSync('cp', ['-r', join(root, 'runners/cli/templates', template), project])
  }
  spawnSync('mkdir', [join(cwd, 'node_modules')])
  for (const name of readdirSync(join(root, 'node_modules')).filter((each) => !each.startsWith('.')))
    symlinkSync(join(root, 'node_modules', name), join(cwd, 'node_modules', name))
  symlinkSync(root, join(cwd, 'node_modules', 'millrace'))
  const faults = templates.map((template) => {
    const tsc = join(root, 'node_modules/typescript/bin/tsc')
    return spawnSync(process.execPath, [tsc, '-p', join(cwd, template)], { encoding: 'utf8' }).stdout
  })
  expect(faults).toEqual(templates.map(() => ''))
})
