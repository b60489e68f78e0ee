/**
 * Options that everything has which reads lines.
 */
import { preview } from '../../sdk/preview.js'
import { refuse } from '../../sdk/refuse.js'
import type { LineLimits } from './line-buffer.js'

/** How lines are taken. */
export interface LineTextOptions {
  /** Longest line in bytes; a longer one is an error. Default 16 MiB. */
  readonly maxLineBytes?: number
  /** What happens to bytes that are not UTF-8: they become U+FFFD, or are an error. Default `'replace'`. */
  readonly invalidUtf8?: 'replace' | 'error'
}

/** The limits that options set; `of` is who has them. */
export function lineLimits(
  of: string,
  { maxLineBytes = 16 * 1024 * 1024, invalidUtf8 = 'replace' }: LineTextOptions,
): LineLimits {
  oneOf(of, 'invalidUtf8', invalidUtf8, ['replace', 'error'])
  if (!Number.isSafeInteger(maxLineBytes) || maxLineBytes < 1) {
    refuse('MR-1002', `option maxLineBytes of ${of} must be a whole number from 1, but is ${String(maxLineBytes)}.`)
  }
  return { maxLineBytes, invalidUtf8 }
}

/** Refuses what is not one of a few texts. */
export function oneOf(of: string, option: string, value: string, allowed: readonly string[]): void {
  if (allowed.includes(value)) return
  refuse('MR-1002', `option ${option} of ${of} is ${preview(value)}; it must be one of ${allowed.join(', ')}.`)
}
