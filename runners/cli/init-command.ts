/**
 * `millrace init`: makes a project of a template.
 */
import { createInterface } from 'node:readline/promises'
import { basename, relative, resolve } from 'node:path'
import { type CommandInvocation, UsageError } from './command-line.js'
import { type TemplateName, templates } from './commands.js'
import { EXIT } from './exit-codes.js'
import { makeProject } from './init.js'

/** What to type next, by template. */
const NEXT: Readonly<Record<TemplateName, readonly string[]>> = {
  wordcount: ['npx millrace run pipelines/wordcount.ts', 'npx millrace graph pipelines/wordcount.ts'],
  clicks: ['npx millrace run pipelines/clicks.ts', 'npx millrace graph pipelines/clicks.ts'],
  test: ['npm test', 'npx millrace run pipelines/orders.ts'],
}

/** Does the command. @returns the exit code. */
export async function initCommand({ operands, options }: CommandInvocation): Promise<number> {
  const folder = resolve(operands[0] ?? '.')
  const asJson = options.get('json') === true
  const template = await templateOf(options.get('template'), asJson)
  const files = makeProject(folder, template)
  const place = relative(process.cwd(), folder)
  const next = [...(place === '' ? [] : [`cd ${quoted(place)}`]), 'npm install', ...NEXT[template]]
  process.stdout.write(
    asJson
      ? `${JSON.stringify({ template, folder, files, next }, undefined, 2)}\n`
      : `${[
          `${basename(folder)}: made from the template ${template}`,
          ...files.map((file) => `  ${file}`),
          '',
          'Next:',
          ...next.map((line) => `  ${line}`),
        ].join('\n')}\n`,
  )
  return EXIT.done
}

/** The template that was asked for; on a terminal, the answer to a question; else the first. */
async function templateOf(given: string | boolean | undefined, asJson: boolean): Promise<TemplateName> {
  if (given !== undefined) return named(String(given))
  const [usual = 'wordcount'] = templates
  if (asJson || !process.stdin.isTTY || !process.stdout.isTTY) return usual
  const prompt = createInterface({ input: process.stdin, output: process.stdout })
  try {
    const answer = (await prompt.question(`Which template: ${templates.join(', ')}? [${usual}] `)).trim()
    return answer === '' ? usual : named(answer)
  } finally {
    prompt.close()
  }
}

function named(given: string): TemplateName {
  const template = templates.find((each) => each === given)
  if (template === undefined) throw new UsageError('MR-7003', `there is no template "${given}".`, given, templates)
  return template
}

/** A path as a shell takes it. */
function quoted(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`
}
