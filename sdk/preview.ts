/**
 * A short, safe text of any value, for messages: at most 120 characters, never runs user code such as getters,
 * `toJSON` or `toString`, and never throws.
 */

const LENGTH_MAX = 120

/**
 * Text of a value for a message.
 *
 * @example
 * ```ts
 * import { preview } from 'millrace'
 * preview({ user: 'ann', cents: 5n }) // => '{ user: "ann", cents: 5n }'
 * ```
 */
export function preview(value: unknown, lengthMax: number = LENGTH_MAX): string {
  const text = render(value, 3, lengthMax)
  return text.length <= lengthMax ? text : `${text.slice(0, lengthMax - 1)}…`
}

function render(value: unknown, depth: number, room: number): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value.length > room ? `${value.slice(0, room)}…` : value)
    case 'bigint':
      return `${value}n`
    case 'number':
      return Object.is(value, -0) ? '-0' : String(value)
    case 'function':
      return `[function ${value.name || 'anonymous'}]`
    case 'symbol':
      return value.toString()
    case 'object':
      return value === null ? 'null' : renderObject(value, depth, room)
    default:
      return String(value)
  }
}

function renderObject(value: object, depth: number, room: number): string {
  try {
    if (Array.isArray(value)) {
      if (depth === 0) return `[… ${value.length}]`
      return `[${renderParts(value.length, room, (i) => render(value[i], depth - 1, room))}]`
    }
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString()
    if (ArrayBuffer.isView(value)) return `[${nameOf(value)}: ${value.byteLength} bytes]`
    if (value instanceof Map) return `[Map: ${value.size}]`
    if (value instanceof Set) return `[Set: ${value.size}]`
    if (value instanceof Error) return `[${value.name}: ${value.message}]`
    const keys = Object.keys(value)
    const prefix = nameOf(value) === 'Object' ? '' : `${nameOf(value)} `
    if (depth === 0) return `${prefix}{…}`
    const body = renderParts(keys.length, room, (i) => {
      const key = keys[i] as string
      const field = Object.getOwnPropertyDescriptor(value, key)
      return `${key}: ${field !== undefined && 'value' in field ? render(field.value, depth - 1, room) : '[getter]'}`
    })
    return body === '' ? `${prefix}{}` : `${prefix}{ ${body} }`
  } catch {
    return '[unreadable object]'
  }
}

function renderParts(count: number, room: number, part: (index: number) => string): string {
  let text = ''
  for (let i = 0; i < count; i++) {
    if (text.length > room) return `${text}, …`
    text += (i === 0 ? '' : ', ') + part(i)
  }
  return text
}

function nameOf(value: object): string {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === null) return 'Object'
  const constructor: unknown = Object.getOwnPropertyDescriptor(prototype, 'constructor')?.value
  return typeof constructor === 'function' ? constructor.name : 'Object'
}
