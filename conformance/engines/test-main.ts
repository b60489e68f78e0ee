/**
 * `npm run test:engines`: fetches what the tests need, then runs them in a network of their own, with nothing but loopback, where
 * the system lets it. Engines bind every interface; there nobody else can reach them.
 */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { beamPython } from './beam-python.js'
import { installFlink, installPrism } from './programs.js'

const say = (text: string): void => void process.stdout.write(`${text}\n`)
const withFlink = process.env['MILLRACE_WITHOUT_FLINK'] === undefined
for (const found of [installPrism(say), ...(withFlink ? [installFlink(say)] : []), beamPython()])
  if ('missing' in found) say(`missing here: ${found.missing}`)

const vitest = [join('node_modules', '.bin', 'vitest'), 'run', '--project', 'engines', ...process.argv.slice(2)]
const alone = ['unshare', '-rn', 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh']
const canBeAlone = spawnSync(alone[0] as string, [...alone.slice(1), 'true'], { stdio: 'ignore' }).status === 0
if (!canBeAlone)
  say('warning: no network of its own (unshare -rn): engines listen on every interface while the tests run')
const [command = '', ...args] = [...(canBeAlone ? alone : []), process.execPath, ...vitest]
const { status } = spawnSync(command, args, { stdio: 'inherit' })
process.exitCode = status ?? 1
