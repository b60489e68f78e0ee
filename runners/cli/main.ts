#!/usr/bin/env node
/**
 * The millrace command. This module only finds out what was asked for, and loads the rest when it is needed: the page of
 * help must not wait for a bundler.
 */
import { errorKind } from '../../sdk/errors.js'
import { type CommandInvocation, parseCommandLine, UsageError } from './command-line.js'
import { EXIT } from './exit-codes.js'

/** Does what the arguments say. @returns the exit code. */
async function main(args: readonly string[]): Promise<number> {
  try {
    const invocation = parseCommandLine(args)
    switch (invocation.kind) {
      case 'version': {
        const { packageVersion } = await import('../author-module/package-root.js')
        process.stdout.write(`${packageVersion()}\n`)
        return EXIT.done
      }
      case 'help': {
        const { commandHelp, mainHelp } = await import('./help.js')
        const { packageVersion } = await import('../author-module/package-root.js')
        const { command } = invocation
        process.stdout.write(`${command === undefined ? mainHelp(packageVersion()) : commandHelp(command)}\n`)
        return EXIT.done
      }
      case 'command':
        return await commandOf(invocation)
    }
  } catch (error) {
    if (!(error instanceof UsageError) && errorKind(error) !== 'UnsupportedFeature') throw error
    const { showRefusal } = await import('./refusal.js')
    showRefusal(error as Error, args.includes('--json'))
    return EXIT.refused
  }
}

async function commandOf(invocation: CommandInvocation): Promise<number> {
  switch (invocation.command.name) {
    case 'run':
    case 'why':
    case 'graph':
      return (await import('./pipeline-command.js')).pipelineCommand(invocation)
    case 'config':
      return (await import('./config-command.js')).configCommand(invocation)
    case 'init':
      return (await import('./init-command.js')).initCommand(invocation)
    case 'doctor':
      return (await import('./doctor-command.js')).doctorCommand(invocation)
    case 'state':
      return (await import('./state-command.js')).stateCommand(invocation)
    case 'query':
      return (await import('./query-command.js')).queryCommand(invocation)
    case 'savepoint':
      return (await import('./savepoint-command.js')).savepointCommand(invocation)
    case 'fsck':
      return (await import('./fsck-command.js')).fsckCommand(invocation)
    case 'verify':
      return (await import('./verify-command.js')).verifyCommand(invocation)
    case 'completion':
      return (await import('./completion-command.js')).completionCommand(invocation)
    case 'explain': {
      const { explain } = await import('./explain.js')
      const [code] = invocation.operands
      const text = explain(code)
      process.stdout.write(invocation.options.get('json') === true ? `${JSON.stringify({ code, text })}\n` : text)
      return EXIT.done
    }
    case 'worker-pool':
      return (await import('./worker-pool-command.js')).workerPoolCommand(invocation.options)
    case 'attach':
      return (await import('./attach-command.js')).attachCommand(invocation)
    case 'conformance':
      return (await import('./conformance-command.js')).conformanceCommand(invocation.options)
  }
}

void main(process.argv.slice(2)).then((code) => {
  process.exitCode = code
})
