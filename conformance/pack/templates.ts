/**
 * Checks that the projects which `millrace init` makes work from the packed package: they install, their types are right
 * under their own options, they run, and the tests of the one that has some pass.
 */
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Checks, execute, type Printed } from './checks.js'

/** A template, and what is done with the project made of it. */
interface TemplateCheck {
  readonly template: string
  /** Arguments of `millrace`, and what it must then say on stdout. */
  readonly runs: readonly (readonly [args: readonly string[], said: string])[]
  /** Commands of npm that must end well, and what they must say. */
  readonly scripts: readonly (readonly [script: string, said: string])[]
}

const past = ['--clicks', '200', '--start', '2026-01-01T00:00:00Z']

const templateChecks: readonly TemplateCheck[] = [
  {
    template: 'wordcount',
    runs: [
      [['run', 'pipelines/wordcount.ts', '--check'], 'words: the 16'],
      [['graph', 'pipelines/wordcount.ts', '--format', 'svg'], '<svg'],
      [['graph', 'pipelines/wordcount.ts', '--physical'], 'stage 1'],
      [['config', 'print', 'pipelines/wordcount.ts', '--top', '3'], '--top'],
      [['doctor'], 'All that is needed is here.'],
    ],
    scripts: [['check', '']],
  },
  { template: 'clicks', runs: [[['run', 'pipelines/clicks.ts', ...past], 'late']], scripts: [['check', '']] },
  {
    template: 'test',
    runs: [[['run', 'pipelines/orders.ts'], 'spent: ann 800']],
    scripts: [
      ['check', ''],
      ['test', '2 passed'],
    ],
  },
]

/** Where and with what templates are checked. */
export interface TemplatePlace {
  readonly tarball: string
  /** A folder for the projects. */
  readonly workplace: string
  readonly runNpm: (args: readonly string[], folder: string) => Promise<Printed>
  /** Which templates to check. */
  readonly isWanted: (template: string) => boolean
}

/** Makes, installs and uses a project of each template. */
export async function checkTemplates(
  checks: Checks,
  { tarball, workplace, runNpm, isWanted }: TemplatePlace,
): Promise<void> {
  const wanted = templateChecks.filter(({ template }) => isWanted(template))
  if (wanted.length === 0) return
  // The command as it is found before there is a project: by npx, or installed globally.
  const tool = mkdtempSync(join(workplace, 'tool-'))
  writeFileSync(join(tool, 'package.json'), '{ "private": true }')
  const install = ['install', '--no-audit', '--no-fund', '--prefer-offline', tarball]
  if (!(await checks.check('templates: the command installs alone', async () => void (await runNpm(install, tool)))))
    return
  for (const { template, runs, scripts } of wanted) {
    const folder = join(workplace, `made-of-${template}`)
    mkdirSync(folder)
    const millrace = (at: string, args: readonly string[]): Promise<Printed> =>
      execute(join(at, 'node_modules', '.bin', 'millrace'), args, folder)
    const isMade = await checks.check(`template ${template}: is made and installs`, async () => {
      await millrace(tool, ['init', '--template', template])
      await runNpm(install, folder)
    })
    if (!isMade) continue
    for (const [args, said] of runs) {
      await checks.check(`template ${template}: millrace ${args.join(' ')}`, async () => {
        demand((await millrace(folder, args)).stdout, said)
      })
    }
    for (const [script, said] of scripts) {
      await checks.check(`template ${template}: npm run ${script}`, async () => {
        demand((await runNpm(['run', '--silent', script], folder)).stdout, said)
      })
    }
  }
}

function demand(printed: string, said: string): void {
  // A program may colour what it says.
  const plain = printed.replaceAll(/\u001b\[\d*m/g, '')
  if (!plain.includes(said)) throw new Error(`it did not say "${said}"; it said:\n${printed}`)
}
