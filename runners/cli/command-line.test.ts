import { describe, expect, it } from 'vitest'
import { errorKind } from 'millrace'
import { type Invocation, parseCommandLine, UsageError } from './command-line.js'
import { runnerSettings } from './runner-settings.js'

function command(...args: string[]): Extract<Invocation, { kind: 'command' }> {
  const invocation = parseCommandLine(args)
  if (invocation.kind !== 'command') throw new Error(`${args.join(' ')} asks for ${invocation.kind}`)
  return invocation
}

const settings = (...args: string[]) => runnerSettings(command('run', 'file.ts', ...args).options)

describe('the command line', () => {
  it('separates the options of the command from the arguments of the pipeline, which keep their order and form', () => {
    const { file, options, rest } = command(
      ...[
        'run',
        '--json',
        'file.ts',
        '--min-cents',
        '-5',
        '--bundleSize=7',
        '--flag',
        '--name=a b',
        '--seed',
        '-3',
        'x',
      ],
      ...['--', '--not-an-option'],
    )
    expect(file).toBe('file.ts')
    expect([...options]).toEqual([
      ['json', true],
      ['bundle-size', '7'],
      ['seed', '-3'],
    ])
    expect(rest).toEqual(['--min-cents', '-5', '--flag', '--name=a b', 'x', '--not-an-option'])
  })

  it.each<[string[], Invocation['kind']]>([
    [[], 'help'],
    [['help'], 'help'],
    [['help', 'run'], 'help'],
    [['-h'], 'help'],
    [['run', '--help'], 'help'],
    [['--version'], 'version'],
    [['conformance'], 'conformance'],
    [['conformance', '--only', 'TRG-15', '--json=matrix.json'], 'conformance'],
    [['conformance', '-h'], 'help'],
  ])('%j asks for %s', (args, kind) => expect(parseCommandLine(args).kind).toBe(kind))

  it('asks for the help of a file', () => {
    expect(command('run', 'file.ts', '--min-cents', '5', '-h')).toMatchObject({ wantsHelp: true, file: 'file.ts' })
  })

  it.each<[string[], string, string | undefined]>([
    [['rnu', 'file.ts'], 'there is no command "rnu".', 'rnu'],
    [['--verison'], 'there is no option --verison before a command.', '--verison'],
    [['run'], 'millrace run needs a file: millrace run FILE', undefined],
    [['conformance', 'file.ts'], 'millrace conformance takes no file, and was given "file.ts".', undefined],
    [['conformance', '--runner', 'direct'], 'millrace conformance has no option --runner.', '--runner'],
    [['run', '--sede', '1', 'file.ts'], 'has no option --sede. Options of the pipeline come after FILE.', '--sede'],
    [['run', 'file.ts', '--quiet=yes'], '--quiet is a flag and takes no value.', undefined],
    [['run', 'file.ts', '--seed'], '--seed needs a number.', undefined],
    [['conformance', '--only'], '--only needs ids.', undefined],
    [['run', 'file.ts', '--seed', '--json'], '--seed needs a number.', undefined],
    [['run', 'file.ts', '--runner='], '--runner needs a name.', undefined],
  ])('%j is refused', (args, message, given) => {
    const error = thrownBy(() => parseCommandLine(args))
    expect(error).toBeInstanceOf(UsageError)
    expect((error as UsageError).message).toContain(message)
    expect((error as UsageError).given).toBe(given)
  })

  it.each<[string[], string]>([
    [['why', 'x'], 'millrace why, which explains what holds a watermark, is not part of this version.'],
    [['worker-pool'], 'millrace worker-pool, which serves workers to an engine, is not part of this version.'],
    [['help', 'doctor'], 'millrace doctor, which checks the installation, is not part of this version.'],
    [['run', 'file.ts', '--workers', '2'], 'the direct runner runs in one thread; --workers is not supported yet.'],
    [['run', '--watch', 'file.ts'], '--watch, which runs again when a file changes, is not part of this version.'],
    [['run', 'file.ts', '--checkpointDir=x'], '--checkpoint-dir belongs to the micro-batch runner'],
    [['graph', 'file.ts', '--physical'], '--physical, the graph of stages, tasks and partitions, is not part of this'],
  ])('%j is refused by name', (args, message) => {
    const error = thrownBy(() => parseCommandLine(args))
    expect(errorKind(error)).toBe('UnsupportedFeature')
    expect((error as Error).message).toContain(message)
  })
})

describe('settings of the runner', () => {
  it('are what the runner takes', () => {
    const all = [
      '--strict',
      '--seed',
      '7',
      '--reexecute',
      '--bundle-size',
      '2',
      '--require-codecs',
      '--guarantee',
      'gap',
    ]
    expect(settings(...all, '--call-timeout', '1.5s', '--stage-compiler=closures', '--runner', 'direct')).toEqual({
      strict: true,
      seed: 7,
      reexecute: true,
      bundleSize: 2,
      requireCodecs: true,
      guarantee: 'gap',
      callTimeoutMillis: 1500,
      stageCompiler: 'closures',
    })
    expect(settings()).toEqual({ strict: false, requireCodecs: false, stageCompiler: 'auto' })
  })

  it.each([
    ['500ms', 500],
    ['2 minutes', 120_000],
    ['1h', 3_600_000],
    ['2 d', 172_800_000],
    ['1 week', 604_800_000],
  ])('a call timeout of %s is %i ms', (text, millis) =>
    expect(settings('--call-timeout', text).callTimeoutMillis).toBe(millis),
  )

  it.each([
    ['--seed', '1.5', '--seed needs a whole number, not "1.5".'],
    ['--seed', '7', '--seed is the seed of strict mode, so without --strict it changes nothing. Add --strict'],
    ['--bundle-size', '0', '--bundle-size needs a whole number from 1, not "0".'],
    ['--call-timeout', '5', '--call-timeout needs a duration with its unit, such as 500ms, 30s or 2m, not "5".'],
    ['--call-timeout', '0s', '--call-timeout needs a duration'],
    ['--call-timeout', 'Infinity', '--call-timeout needs a duration'],
    ['--stage-compiler', 'jit', '--stage-compiler is one of auto, generated, closures, not "jit".'],
    ['--runner', 'direkt', 'there is no runner "direkt".'],
  ])('%s %s is refused', (name, value, message) => {
    expect((thrownBy(() => settings(name, value)) as Error).message).toContain(message)
  })

  it.each(['micro-batch', 'flink', 'prism'])('the %s runner is refused by name', (runner) => {
    const error = thrownBy(() => settings('--runner', runner))
    expect(errorKind(error)).toBe('UnsupportedFeature')
    expect((error as Error).message).toContain(`the ${runner} runner is not part of this version.`)
  })
})

function thrownBy(run: () => unknown): unknown {
  try {
    run()
  } catch (error) {
    return error
  }
  throw new Error('nothing was thrown')
}
