/**
 * TypeScript of the protocol: of each `.proto` file in `runners/distributed/proto`, a `_pb.ts` below `proto/generated`.
 *
 * Law: what stands in the repository is what this makes of the `.proto` files, byte for byte; a test makes it again and
 * compares. Enums become objects with a type of the same name, so that types can be taken away without compiling.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Where the `.proto` files stand, from the root. */
export const PROTO_FOLDER = 'runners/distributed/proto'
/** Where what is made of them stands, from the root. */
export const GENERATED_FOLDER: string = `${PROTO_FOLDER}/generated`
/** Folders of both: Beam's protocol, and what millrace's own processes say to each other. */
export const PROTOCOLS: readonly string[] = ['beam', 'millrace']

/** Made files by folder and name. @param root folder of the repository. */
export function generateProto(root: string): ReadonlyMap<string, string> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-proto-'))
  try {
    const template = join(folder, 'buf.gen.json')
    const plugin = { local: join(root, 'node_modules/.bin/protoc-gen-es'), out: folder, opt: OPTIONS }
    const inputs = [{ directory: join(root, PROTO_FOLDER) }]
    writeFileSync(template, JSON.stringify({ version: 'v2', inputs, plugins: [plugin] }))
    const { status, stderr, error } = spawnSync(
      join(root, 'node_modules/.bin/buf'),
      ['generate', '--template', template],
      { cwd: folder, encoding: 'utf8' },
    )
    if (status !== 0) throw new Error(`buf generate failed: ${error?.message ?? stderr}`)
    return new Map(
      PROTOCOLS.flatMap((protocol) =>
        readdirSync(join(folder, protocol))
          .sort()
          .map((name): [string, string] => [
            `${protocol}/${name}`,
            withoutEnums(readFileSync(join(folder, protocol, name), 'utf8')),
          ]),
      ),
    )
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const OPTIONS = ['target=ts', 'import_extension=js']

/** `enum` is code that stays when types are taken away; an object and the type of its values say the same. */
function withoutEnums(text: string): string {
  return text.replace(/^export enum (\w+) \{\n([^}]*)\}$/gm, (_, name: string, body: string) => {
    const values = [...body.matchAll(/^ {2}(\w+) = (-?\d+),$/gm)].map(([, key, value]) => `  ${key}: ${value},`)
    return [
      `export const ${name} = {`,
      ...values,
      '} as const;',
      '',
      `/** One of {@link ${name}}. */`,
      `export type ${name} = (typeof ${name})[keyof typeof ${name}];`,
    ].join('\n')
  })
}
