/**
 * Runs the code of a reader: what it imports is what the page has, and it is started as a script of its own, so that the
 * page's policy need not allow to make functions from text.
 */

/** Modules by the name that code imports them by. */
export type Modules = Readonly<Record<string, Readonly<Record<string, unknown>>>>

const IMPORT = /^[ \t]*import\s*\{([^}]*)\}\s*from\s*(['"])([^'"]+)\2[ \t]*;?/gm

/**
 * The code as the body of a function of `modules`.
 *
 * @throws when it imports what there is not, or in a way that is not understood here.
 */
export function scriptOf(code: string, modules: Modules): string {
  const body = code.replace(IMPORT, (_, names: string, __, from: string) => {
    const known = modules[from]
    if (known === undefined)
      throw new SyntaxError(`there is no module '${from}' in this page. There are: ${Object.keys(modules).join(', ')}.`)
    const wanted = names
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== '')
    for (const name of wanted) {
      const own = name.split(/\s+as\s+/)[0] ?? name
      if (!Object.hasOwn(known, own)) throw new SyntaxError(`'${from}' exports no ${own}.`)
    }
    const bound = wanted.map((name) => name.replace(/\s+as\s+/, ': ')).join(', ')
    // As many lines as before, so that errors name the line that a reader sees.
    return `const { ${bound} } = modules[${JSON.stringify(from)}];${'\n'.repeat(names.split('\n').length - 1)}`
  })
  const left = /^[ \t]*(import|export)\b.*$/m.exec(body)
  if (left !== null)
    throw new SyntaxError(`only import { name } from 'module' is understood here, not: ${left[0].trim()}`)
  return `globalThis.__code = async (modules) => {${body}\n}`
}

/** Runs code. @throws what it throws, or what is wrong with its text. */
export async function runCode(code: string, modules: Modules): Promise<void> {
  const script = document.createElement('script')
  const address = URL.createObjectURL(new Blob([scriptOf(code, modules)], { type: 'text/javascript' }))
  Reflect.deleteProperty(globalThis, '__code')
  let fault: string | undefined
  const listen = (event: ErrorEvent): void => {
    fault = `${event.message}${event.lineno > 0 ? ` (line ${event.lineno})` : ''}`
    event.preventDefault()
  }
  addEventListener('error', listen)
  try {
    await new Promise<void>((resolve, reject) => {
      script.onload = () => resolve()
      script.onerror = () => reject(new Error('the page may not run scripts of its own'))
      script.src = address
      document.head.append(script)
    })
  } finally {
    removeEventListener('error', listen)
    script.remove()
    URL.revokeObjectURL(address)
  }
  const loaded = Reflect.get(globalThis, '__code') as ((given: Modules) => Promise<void>) | undefined
  if (loaded === undefined) throw new SyntaxError(fault ?? 'the code could not be read')
  await loaded(modules)
}
