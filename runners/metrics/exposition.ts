/**
 * Prometheus' text format, version 0.0.4: what a scraper reads. A family is a metric with its help, its type and its
 * samples; a sample is a name, labels and a number.
 *
 * Law: whatever names and texts are given, every line can be read again, and equal families give equal text.
 */

/** Types of Prometheus that a family may have. */
export type FamilyType = 'counter' | 'gauge' | 'summary'

/** Labels of a sample, by name. Their order is the order of the text. */
export type Labels = Readonly<Record<string, string>>

/** One number. */
export interface Sample {
  /** What follows the family's name: `_sum` and `_count` of a summary. */
  readonly suffix?: string
  readonly labels: Labels
  readonly value: number | bigint
}

/** A metric. */
export interface Family {
  readonly name: string
  readonly type: FamilyType
  readonly help: string
  readonly samples: readonly Sample[]
}

/** What `content-type` says of the text. */
export const EXPOSITION_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/** The text of families; those without samples are left out. */
export function exposition(families: readonly Family[]): string {
  return families
    .filter(({ samples }) => samples.length > 0)
    .map(familyText)
    .join('')
}

function familyText({ name, type, help, samples }: Family): string {
  const lines = samples.map(
    ({ suffix = '', labels, value }) => `${name}${suffix}${labelsText(labels)} ${numberText(value)}\n`,
  )
  return `# HELP ${name} ${escapedHelp(help)}\n# TYPE ${name} ${type}\n${lines.join('')}`
}

function labelsText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapedLabel(value)}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

/** Go's numbers, which are JavaScript's but for the infinite ones. */
function numberText(value: number | bigint): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf'
  if (value === Number.NEGATIVE_INFINITY) return '-Inf'
  return Object.is(value, -0) ? '0' : String(value)
}

function escapedHelp(text: string): string {
  return wellFormed(text).replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
}

function escapedLabel(text: string): string {
  return escapedHelp(text).replaceAll('"', '\\"')
}

/** The format is UTF-8, which has no halves of characters. */
function wellFormed(text: string): string {
  return text.replaceAll(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, '\ufffd')
}

/** A name as the convention has it: `parsedLines` is `parsed_lines`; what no name may have is `_`. */
export function metricName(text: string): string {
  const snake = text
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replaceAll(/([A-Z]+)([A-Z][a-z])/g, '$1_$2')
    .toLowerCase()
    .replaceAll(/[^a-z0-9_]+/g, '_')
  return snake === '' ? '_' : snake
}
