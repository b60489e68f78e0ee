/**
 * Checks that are programs, not tests of vitest: each prints one line, and all together a count.
 *
 * Law: a check that throws has failed, and the ones after it still run, unless they need what it made.
 */
import { execFile } from 'node:child_process'

/** What a process printed. */
export interface Printed {
  readonly stdout: string
  readonly stderr: string
}

/** Collects the results of checks. */
export class Checks {
  passed = 0
  failed = 0
  readonly #print: (line: string) => void

  constructor(print: (line: string) => void) {
    this.#print = print
  }

  /** Runs one check. What it returns is printed beside its name. Gives whether it passed. */
  async check(name: string, body: () => Promise<string | void> | string | void): Promise<boolean> {
    const started = performance.now()
    try {
      const remark = await body()
      const seconds = ((performance.now() - started) / 1000).toFixed(1)
      this.#print(`✓ ${name} (${seconds} s)${typeof remark === 'string' ? `: ${remark}` : ''}`)
      this.passed++
      return true
    } catch (error) {
      this.#print(`✗ ${name}: ${error instanceof Error ? error.message : String(error)}`)
      this.failed++
      return false
    }
  }
}

/** Runs a program to its end. @throws with all it printed, when it fails or takes longer than two minutes. */
export function execute(program: string, args: readonly string[], folder: string): Promise<Printed> {
  return new Promise((resolve, reject) => {
    execFile(
      program,
      args,
      { cwd: folder, timeout: 120_000, killSignal: 'SIGKILL', maxBuffer: 1 << 26 },
      (error, stdout, stderr) => {
        if (error === null) resolve({ stdout, stderr })
        else
          reject(
            new Error(`${program} ${args.join(' ')} failed (${error.code ?? error.signal ?? ''}):\n${stdout}${stderr}`),
          )
      },
    )
  })
}
