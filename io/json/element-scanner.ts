/**
 * Finds the elements of a JSON array in its bytes, without making anything of them: brackets and strings are all it knows.
 *
 * Law: what lies between two commas of the array is one element, with whatever is wrong inside; a byte is looked at once,
 * and only the bytes of the element at hand are kept, as many as are allowed.
 */
import type { Problem } from '../text/line-buffer.js'
import { makeRoom } from '../text/make-room.js'

/** An element, or what is there instead of one. */
export interface Element {
  /** Offsets of its first byte, and of the first after its comma. */
  readonly from: number
  readonly to: number
  /** Its bytes without white space around them, until more are asked for; of one that is too long, the beginning. */
  readonly bytes: Uint8Array
  /** Line ends before it. */
  readonly lines: number
  /** What is wrong with it, or with the array here. */
  readonly bad: Problem | undefined
}

const NEWLINE = 10
const QUOTE = 34
const COMMA = 44
const OPEN = 91
const BACKSLASH = 92
const CLOSE = 93
const OPEN_OBJECT = 123
const CLOSE_OBJECT = 125

/** Where in the text the scanner is. */
type Place = 'before' | 'first' | 'element' | 'after' | 'broken'

/** Bytes on their way to elements. */
export class ElementScanner {
  readonly #elementBytesMax: number
  #bytes: Uint8Array
  /** Offset of `#bytes[0]`. */
  #base = 0
  /** Bytes `[#start, #at)` belong to the element at hand, `[#at, #end)` have not been looked at. */
  #start = 0
  #at = 0
  #end = 0
  #place: Place = 'before'
  #depth = 0
  #isInString = false
  #isEscaped = false
  /** Line ends before `#at`, and before the element at hand. */
  #lines = 0
  #elementLines = 0
  /** Whether the element at hand has anything but white space. */
  #hasContent = false
  /** The beginning of an element that is too long, and where it began. */
  #long: { readonly from: number; readonly bytes: Uint8Array } | undefined

  constructor(blockBytes: number, elementBytesMax: number) {
    this.#bytes = new Uint8Array(blockBytes)
    this.#elementBytesMax = elementBytesMax
  }

  /** Offset up to which bytes have come. */
  get received(): number {
    return this.#base + this.#end
  }

  /** Where to put more bytes, at least one. */
  space(): Uint8Array {
    this.#bytes = makeRoom(this.#bytes, this.#start, this.#end)
    this.#base += this.#start
    this.#end -= this.#start
    this.#at -= this.#start
    this.#start = 0
    return this.#bytes.subarray(this.#end)
  }

  /** `count` bytes were put into the space. */
  filled(count: number): void {
    this.#end += count
  }

  /** The next element; `'hungry'` when more bytes are needed, `'end'` after the last. */
  next(isAtEnd: boolean): Element | 'hungry' | 'end' {
    for (;;) {
      const found = this.#step(isAtEnd)
      if (found !== undefined) return found
    }
  }

  #step(isAtEnd: boolean): Element | 'hungry' | 'end' | undefined {
    switch (this.#place) {
      case 'before': {
        const byte = this.#nextVisible()
        if (byte === undefined)
          return isAtEnd ? this.#broken(malformed('is no JSON array: the file has no value.')) : 'hungry'
        if (byte !== OPEN) return this.#broken(malformed('is no JSON array: it does not begin with "[".'))
        this.#take()
        this.#place = 'first'
        return undefined
      }
      case 'first': {
        const byte = this.#nextVisible()
        if (byte === undefined) return isAtEnd ? this.#broken(TRUNCATED) : 'hungry'
        if (byte === CLOSE) {
          this.#take()
          this.#place = 'after'
        } else this.#beginElement()
        return undefined
      }
      case 'element':
        return this.#scanElement(isAtEnd)
      case 'after': {
        if (this.#nextVisible() !== undefined) return this.#broken(malformed('follows the end of the JSON array.'))
        return isAtEnd ? 'end' : 'hungry'
      }
      case 'broken':
        // The rest of the file is part of what was said to be wrong.
        this.#at = this.#start = this.#end
        return isAtEnd ? 'end' : 'hungry'
    }
  }

  /** Goes over white space, and the mark that a file may begin with. */
  #nextVisible(): number | undefined {
    for (; this.#at < this.#end; this.#take()) {
      const byte = this.#bytes[this.#at] as number
      const isMark = this.#base + this.#at < 3 && byte === [0xef, 0xbb, 0xbf][this.#base + this.#at]
      if (byte > 32 && !isMark) return byte
    }
    return undefined
  }

  /** One byte that is part of no element. */
  #take(): void {
    if (this.#bytes[this.#at] === NEWLINE) this.#lines++
    this.#at++
    this.#start = this.#at
  }

  #beginElement(): void {
    this.#place = 'element'
    this.#depth = 0
    this.#isInString = false
    this.#isEscaped = false
    this.#hasContent = false
    this.#long = undefined
    this.#start = this.#at
    this.#elementLines = this.#lines
  }

  #scanElement(isAtEnd: boolean): Element | 'hungry' | undefined {
    const bytes = this.#bytes
    const end = this.#end
    // Fields cost several times what variables do, and this is done for each byte.
    let depth = this.#depth
    let lines = this.#lines
    let isInString = this.#isInString
    let isEscaped = this.#isEscaped
    let hasContent = this.#hasContent
    let at = this.#at
    let ending = 0
    for (; at < end; at++) {
      const byte = bytes[at] as number
      if (byte === NEWLINE) lines++
      if (isInString) {
        if (isEscaped) isEscaped = false
        else if (byte === BACKSLASH) isEscaped = true
        else if (byte === QUOTE) isInString = false
        continue
      }
      if (byte <= 32) continue
      if (depth === 0 && (byte === COMMA || byte === CLOSE)) {
        ending = byte
        break
      }
      if (!hasContent) {
        hasContent = true
        this.#elementLines = lines
        // White space before the element is not part of it.
        this.#start = at
      }
      if (byte === QUOTE) isInString = true
      else if (byte === OPEN || byte === OPEN_OBJECT) depth++
      else if ((byte === CLOSE || byte === CLOSE_OBJECT) && depth > 0) depth--
    }
    this.#depth = depth
    this.#lines = lines
    this.#isInString = isInString
    this.#isEscaped = isEscaped
    this.#hasContent = hasContent
    if (ending !== 0) {
      this.#at = at + 1
      return this.#endElement(at, ending === COMMA)
    }
    this.#at = at
    if (!hasContent) this.#start = at
    if (at - this.#start > this.#elementBytesMax) this.#letGo(at)
    return isAtEnd ? this.#broken(TRUNCATED) : 'hungry'
  }

  #endElement(at: number, hasNext: boolean): Element {
    const long = this.#long ?? (at - this.#start > this.#elementBytesMax ? this.#letGo(at) : undefined)
    const element: Element = {
      from: long?.from ?? this.#base + this.#start,
      to: this.#base + at + 1,
      bytes: long?.bytes ?? this.#bytes.subarray(this.#start, visibleEnd(this.#bytes, this.#start, at)),
      lines: this.#elementLines,
      bad:
        long !== undefined
          ? {
              code: 'MR-5006',
              reason: `is longer than maxRecordBytes (${this.#elementBytesMax} bytes). If elements that long are meant, raise maxRecordBytes.`,
            }
          : this.#hasContent
            ? undefined
            : malformed('is missing: there is a comma without an element.'),
    }
    this.#start = at + 1
    if (hasNext) this.#beginElement()
    else this.#place = 'after'
    return element
  }

  /** Keeps the beginning of an element only. */
  #letGo(at: number): { readonly from: number; readonly bytes: Uint8Array } {
    this.#long ??= {
      from: this.#base + this.#start,
      bytes: this.#bytes.slice(this.#start, Math.min(this.#start + START_BYTES, at)),
    }
    this.#start = at
    return this.#long
  }

  /** The array is none from here on: what is left of the file is one bad record. */
  #broken(bad: Problem): Element {
    const from = this.#long?.from ?? this.#base + this.#start
    const start = this.#long?.bytes ?? this.#bytes.slice(this.#start, Math.min(this.#start + START_BYTES, this.#end))
    const lines = this.#place === 'element' ? this.#elementLines : this.#lines
    this.#place = 'broken'
    this.#long = undefined
    return { from, to: this.received, bytes: start, lines, bad }
  }
}

const malformed = (reason: string): Problem => ({ code: 'MR-5101', reason })

const TRUNCATED = malformed('is cut off: the file ends inside of its JSON array.')

/** Bytes of an element that is too long that are shown. */
const START_BYTES = 512

function visibleEnd(bytes: Uint8Array, start: number, end: number): number {
  let at = end
  while (at > start && (bytes[at - 1] as number) <= 32) at--
  return at
}
