/**
 * The pipeline of a case of the kill lane as a worker builds it: from the file that its driver was given.
 */
import { readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { Pipeline } from 'millrace'
import type { KillCase } from './kill-case.js'
import { build } from './pipelines.js'
import { userCode } from './words.js'

/** @param path of the case's file. */
export function builtCase(path: string): Pipeline {
  const p = new Pipeline()
  // A worker process would be killed wherever the record comes to, again and again.
  const failAt = process.env['WORKERS']?.endsWith(':process') === true ? undefined : process.env['FAIL_AT']
  build(p, dirname(path), JSON.parse(readFileSync(path, 'utf8')) as KillCase, userCode(failAt))
  return p
}
