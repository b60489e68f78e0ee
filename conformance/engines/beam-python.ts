/**
 * Beam as PyPI publishes it, in a Python environment of its own beside the repository: what it says of the protocol, and what
 * its SDK does on the same engines.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { cacheFolder } from '../../runners/distributed/node/engine-process.js'

/** The version that the protocol here follows. */
export const BEAM_VERSION = '2.77.0'

/** The interpreter, or why there is none. */
export type BeamPython = { readonly python: string } | { readonly missing: string }

/** Beam's Python SDK, installed when it is not there. @param told is told that it has to be fetched. */
export function beamPython(
  version: string = BEAM_VERSION,
  told: (requirement: string) => void = () => undefined,
): BeamPython {
  const folder = join(cacheFolder(), 'python', `beam-${version}`)
  const python = join(folder, 'bin', 'python')
  if (worksWith(python)) return { python }
  const requirement = `apache-beam==${version}`
  told(requirement)
  const found = ['python3.12', 'python3.11', 'python3.10', 'python3'].find((name) => runs(name, ['-c', 'import venv']))
  if (found === undefined) return { missing: 'no Python 3 with venv was found' }
  mkdirSync(dirname(folder), { recursive: true })
  rmSync(folder, { recursive: true, force: true })
  const made = runs(found, ['-m', 'venv', folder])
  if (!made) return { missing: `${found} -m venv failed` }
  const { status, stderr } = spawnSync(python, ['-m', 'pip', 'install', '--quiet', requirement], { encoding: 'utf8' })
  if (status === 0 && worksWith(python)) return { python }
  return { missing: `pip could not install ${requirement}: ${stderr.trim().split('\n').at(-1) ?? ''}` }
}

function worksWith(python: string): boolean {
  return existsSync(python) && runs(python, ['-c', 'from apache_beam.portability.api import beam_runner_api_pb2'])
}

function runs(command: string, args: readonly string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0
}
