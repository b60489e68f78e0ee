/**
 * Limits of sources as text: `read orders=1000/s, read clicks=5000/batch`.
 */
import type { SourceLimit } from '../runner.js'
import { UsageError } from './command-line.js'

/** One limit, up to the comma that follows it; names may have commas and equal signs. */
const LIMIT = /^\s*(.+?)\s*=\s*(\d+(?:\.\d+)?)\s*\/\s*(s|batch)\s*(?:,|$)/

/** The limits that a text names. @param named what to call the text in a complaint. @throws {UsageError} */
export function rateLimits(text: string, named: string): Readonly<Record<string, SourceLimit>> {
  const limits = new Map<string, SourceLimit>()
  for (let rest = text; rest.trim() !== '';) {
    const [whole, step = '', amount, per] = LIMIT.exec(rest) ?? []
    if (whole === undefined || !(Number(amount) > 0))
      throw new UsageError(
        'MR-7003',
        `${named} needs limits such as 'read orders=1000/s' or 'read orders=5000/batch', not "${rest.trim()}".`,
        '',
      )
    const limit = per === 's' ? { perSecond: Number(amount) } : { perBatch: Number(amount) }
    limits.set(step, { ...limits.get(step), ...limit })
    rest = rest.slice(whole.length)
  }
  return Object.fromEntries(limits)
}
