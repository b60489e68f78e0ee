/**
 * `npm run engines -- install|start|stop prism`: the engines that tests are held against, for people and for continuous integration.
 */
import { installPrism, startToStay, stopStarted } from './programs.js'

const USAGE = 'npm run engines -- install|start|stop prism'

async function main([action = '', name = '']: readonly string[]): Promise<number> {
  const say = (text: string): void => void process.stdout.write(`${text}\n`)
  if (name !== 'prism' || !['install', 'start', 'stop'].includes(action)) {
    process.stderr.write(`${name === '' ? '' : `there is no engine "${name}" here. `}${USAGE}\n`)
    return 2
  }
  if (action === 'stop') {
    say(stopStarted(name) ? 'stopped' : 'it was not running')
    return 0
  }
  const installed = installPrism(say)
  if ('missing' in installed) {
    process.stderr.write(`${installed.missing}\n`)
    return 1
  }
  if (action === 'install') {
    say(`Prism is ${installed.program}`)
    return 0
  }
  const { pid, address } = await startToStay(installed.program)
  say(
    `Prism listens at ${address}, on every network interface of this machine (process ${pid}). End it: npm run engines -- stop prism`,
  )
  return 0
}

process.exitCode = await main(process.argv.slice(2))
