/**
 * What later versions of the command will have and this one has not, so that it is refused by name.
 */

/** Options of later versions, by the command they will belong to. Most take a value; without one they are refused too. */
export const laterOptions: ReadonlyMap<string, ReadonlyMap<string, string>> = new Map([
  [
    'run',
    new Map([
      ['ui', '--ui is not part of this version.'],
      ['options', '--options, a file of options, is not part of this version. Say them in millrace.config.ts.'],
    ]),
  ],
])

/** Formats of graphs that others have and this version has not. */
export const laterFormats: readonly string[] = ['png', 'html', 'proto']
