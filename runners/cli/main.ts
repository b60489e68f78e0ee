#!/usr/bin/env node
/**
 * The millrace command. This module only finds out what was asked for, and loads the rest when it is needed: the page of
 * help must not wait for a bundler.
 */
import { errorCode, errorCodes } from '../../sdk/error-codes.js'
import { errorKind } from '../../sdk/errors.js'
import { parseCommandLine, UsageError } from './command-line.js'
import { EXIT } from './exit-codes.js'

/** Does what the arguments say. @returns the exit code. */
async function main(args: readonly string[]): Promise<number> {
  try {
    const invocation = parseCommandLine(args)
    switch (invocation.kind) {
      case 'version': {
        const { packageVersion } = await import('./package-root.js')
        process.stdout.write(`${packageVersion()}\n`)
        return EXIT.done
      }
      case 'help': {
        const { commandHelp, mainHelp } = await import('./help.js')
        const { packageVersion } = await import('./package-root.js')
        const { command } = invocation
        process.stdout.write(`${command === undefined ? mainHelp(packageVersion()) : commandHelp(command)}\n`)
        return EXIT.done
      }
      case 'command': {
        const { pipelineCommand } = await import('./pipeline-command.js')
        return await pipelineCommand(invocation)
      }
      case 'explain': {
        const { explain } = await import('./explain.js')
        process.stdout.write(explain(invocation.code))
        return EXIT.done
      }
      case 'conformance': {
        const { conformanceCommand } = await import('./conformance-command.js')
        return await conformanceCommand(invocation.options)
      }
    }
  } catch (error) {
    if (!(error instanceof UsageError) && errorKind(error) !== 'UnsupportedFeature') throw error
    await refuse(error as Error, args.includes('--json'))
    return EXIT.refused
  }
}

async function refuse(error: Error, asJson: boolean): Promise<void> {
  const nearest = error instanceof UsageError ? await nearestOf(error) : ''
  const message = `${error.message}${nearest}`
  const code = errorCode(error)
  const report = {
    type: 'failed',
    error: { name: error.name, message, frames: [], ...(code === undefined ? {} : { code }) },
  }
  const more = code === undefined ? '' : `  ${code}: ${errorCodes[code]}. More: millrace explain ${code}\n`
  process.stderr.write(asJson ? `${JSON.stringify(report)}\n` : `error: ${message}\n${more}`)
}

async function nearestOf({ given, known }: UsageError): Promise<string> {
  if (given === undefined) return ' See millrace --help.'
  if (known.length === 0) return ''
  const { suggestion } = await import('../../sdk/suggestion.js')
  return suggestion(given, known)
}

void main(process.argv.slice(2)).then((code) => {
  process.exitCode = code
})
