/**
 * `npm run engines -- install|start|stop flink|flink-cluster|prism`: the engines that tests are held against, for people and for continuous integration.
 */
import { installFlink, PROGRAMS, startClusterToStay, startToStay, stopCluster, stopStarted } from './programs.js'

const ACTIONS = ['install', 'start', 'stop']
const CLUSTER = 'flink-cluster'
const NAMES = [...PROGRAMS.keys(), CLUSTER].sort()
const USAGE = `npm run engines -- ${ACTIONS.join('|')} ${NAMES.join('|')}`

async function main([action = '', name = '']: readonly string[]): Promise<number> {
  const say = (text: string): void => void process.stdout.write(`${text}\n`)
  if (name === CLUSTER && ACTIONS.includes(action)) return cluster(action, say)
  const program = PROGRAMS.get(name)
  if (program === undefined || !ACTIONS.includes(action)) {
    process.stderr.write(
      `${name === '' || program !== undefined ? '' : `there is no engine "${name}" here. `}${USAGE}\n`,
    )
    return 2
  }
  if (action === 'stop') {
    say(stopStarted(name) ? 'stopped' : 'it was not running')
    return 0
  }
  const installed = program.install(say)
  if ('missing' in installed) {
    process.stderr.write(`${installed.missing}\n`)
    return 1
  }
  if (action === 'install') {
    say(`${program.title} is ${installed.program}`)
    return 0
  }
  const { pid, address } = await startToStay(name, program, installed.program)
  say(
    `${program.title} listens at ${address}, on every network interface of this machine (process ${pid}). End it: npm run engines -- stop ${name}`,
  )
  return 0
}

/** A cluster has the jars of the job server, and nothing besides. */
async function cluster(action: string, say: (text: string) => void): Promise<number> {
  if (action === 'stop') {
    say(stopCluster() ? 'stopped' : 'it was not running')
    return 0
  }
  const installed = installFlink(say)
  if ('missing' in installed) {
    process.stderr.write(`${installed.missing}\n`)
    return 1
  }
  if (action === 'install') {
    say(`a cluster of Flink is made of ${installed.program}`)
    return 0
  }
  const { address, jobEndpoint, pids } = await startClusterToStay(installed.program)
  say(
    `a cluster of Flink has its REST service at ${address}, on loopback, and a job server at ${jobEndpoint}, on every network interface of this machine (processes ${pids.join(', ')}). End it: npm run engines -- stop ${CLUSTER}`,
  )
  return 0
}

process.exitCode = await main(process.argv.slice(2))
