/**
 * How long a person waits for `millrace run` to say something: from the start of the process to the first byte on stdout,
 * on the word count of a whole book. Most of it is Node, the bundler and code that has never run.
 */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { type Times, timesOf } from './measure.js'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const command = ['dist/runners/cli/main.js', 'run', 'examples/word-count.ts', '--quiet']

/** Milliseconds to the first output, of this many processes one after the other. */
export function firstOutputTimes(processes: number): Promise<Times> {
  return timesOfProcesses(processes, command)
}

/** The same for the page of help, which must come at once: it loads next to nothing. */
export function helpTimes(processes: number): Promise<Times> {
  return timesOfProcesses(processes, ['dist/runners/cli/main.js', '--help'])
}

async function timesOfProcesses(processes: number, args: readonly string[]): Promise<Times> {
  const millis: number[] = []
  for (let i = 0; i < processes; i++) millis.push(await firstOutput(args))
  return timesOf(millis)
}

function firstOutput(args: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const start = performance.now()
    let millis: number | undefined
    const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] })
    child.stdout.on('data', () => (millis ??= performance.now() - start))
    child.on('error', reject)
    // The next process begins when this one has given the cores back.
    child.on('close', (code) => {
      if (code === 0 && millis !== undefined) resolve(millis)
      else reject(new Error(`millrace ended with code ${code} and ${millis === undefined ? 'no' : 'some'} output`))
    })
  })
}
