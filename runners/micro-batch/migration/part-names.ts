/**
 * What parts of a checkpoint are called: in words, and by the address that a choice names them by.
 *
 * Law: the address that an explanation gives for a part names that part alone. A step that the SDK makes of several may keep several of
 * one kind, and what is said of one of them must not take another.
 */
import type { PartShape } from './kept-shape.js'

/** A part, by the names that its step has now. */
export type NamedPart = Pick<PartShape, 'part' | 'step' | 'path' | 'keeps'>

/** What a part is called. */
export interface PartName {
  /** In words: `what it has accumulated`. */
  readonly what: string
  /** What drops it. */
  readonly address: string
  /** What drops it and others of its kind in the same step. */
  readonly ofKind: string
}

/** See the head of this file. */
export class PartNames {
  /** Steps by the address that their parts would have. */
  readonly #steps = new Map<string, Set<string>>()

  /** @param parts all that are kept, and all that are to be. */
  constructor(parts: Iterable<NamedPart>) {
    for (const part of parts) {
      const { ofKind } = plainName(part)
      const steps = this.#steps.get(ofKind)
      if (steps === undefined) this.#steps.set(ofKind, new Set([part.step]))
      else steps.add(part.step)
    }
  }

  of(part: NamedPart): PartName {
    const { what, name, ofKind } = plainName(part)
    const inside = part.step.slice(part.path.length + 1).replaceAll('$', '')
    if (inside === '' || (this.#steps.get(ofKind)?.size ?? 0) < 2) return { what, address: ofKind, ofKind }
    return { what: `${what} in "${inside}"`, address: `${part.path}#${inside}.${name}`, ofKind }
  }
}

function plainName(part: NamedPart): { readonly what: string; readonly name: string; readonly ofKind: string } {
  const [what, name] = WHAT[part.keeps](part)
  return { what, name, ofKind: `${part.path}#${name}` }
}

const WHAT: Readonly<Record<PartShape['keeps'], (part: NamedPart) => readonly [what: string, name: string]>> = {
  elements: ({ part, step }) => {
    const name = part.slice(step.length + 1)
    return [
      name.startsWith('inbox/') ? `elements that wait for side input "${name.slice(6)}"` : 'elements that wait',
      name,
    ]
  },
  state: () => ['state and timers', 'state'],
  grouping: () => ['what it has accumulated', 'values'],
  side: ({ part, step }) => [`side input "${part.slice(step.length + 6)}"`, part.slice(step.length + 1)],
  work: () => ['how far it has read', 'work'],
  collected: () => ['what it has collected', 'collected'],
  script: () => ['how far its script has come', 'script'],
}
