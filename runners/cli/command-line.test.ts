import { describe, expect, it } from 'vitest'
import { errorCode } from '../../sdk/error-codes.js'
import { errorKind } from 'millrace'
import { type Invocation, parseCommandLine, UsageError } from './command-line.js'
import { runnerSettings, type SettingSources, settingsFrom } from './runner-settings.js'

function command(...args: string[]): Extract<Invocation, { kind: 'command' }> {
  const invocation = parseCommandLine(args)
  if (invocation.kind !== 'command') throw new Error(`${args.join(' ')} asks for ${invocation.kind}`)
  return invocation
}

const settings = (...args: string[]) => settingsWith({}, ...args)
const settingsWith = (sources: Partial<SettingSources>, ...args: string[]) => {
  const { options } = command('run', 'file.ts', ...args)
  return runnerSettings(settingsFrom({ flags: options, environment: {}, file: undefined, ...sources }))
}

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
    [['conformance'], 'command'],
    [['conformance', '--only', 'TRG-15', '--json=matrix.json'], 'command'],
    [['init', '-h'], 'help'],
    [['config', 'print', '--help'], 'help'],
    [['completion', 'bash'], 'command'],
    [['conformance', '-h'], 'help'],
  ])('%j asks for %s', (args, kind) => expect(parseCommandLine(args).kind).toBe(kind))

  it('takes the file of a pipeline behind other words, and its options after it', () => {
    expect(command('config', 'print', '--seed', '7', 'file.ts', '--min-cents', '5')).toMatchObject({
      operands: ['print', 'file.ts'],
      file: 'file.ts',
      rest: ['--min-cents', '5'],
    })
    expect(command('config', 'print').file).toBeUndefined()
  })

  it('takes settings that are flags back', () => {
    expect([...command('run', 'file.ts', '--strict', '--no-strict', '--no-check', '--no-verbose').options]).toEqual([
      ['strict', false],
      ['check', false],
    ])
    expect(command('run', 'file.ts', '--no-verbose').rest).toEqual(['--no-verbose'])
  })

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
    [['run', 'file.ts', '--runner='], '--runner needs a name: direct, micro-batch', undefined],
    [['run', 'file.ts', '--stage-compiler'], '--stage-compiler needs a kind: auto, generated, closures.', undefined],
    [['run', 'file.ts', '--no-strict=yes'], '--no-strict takes no value.', undefined],
    [['config'], 'millrace config needs print: millrace config print', undefined],
    [['config', 'pirnt'], 'there is no "millrace config pirnt".', 'pirnt'],
    [['config', '--input', 'x'], 'millrace config has no option --input. Options of the pipeline come', '--input'],
    [['completion'], 'millrace completion needs bash, zsh, fish', undefined],
    [['completion', 'tcsh'], 'there is no "millrace completion tcsh".', 'tcsh'],
    [['init', 'a', 'b'], 'millrace init was given "b" too many: millrace init [DIR]', undefined],
    [['doctor', '--jsn'], 'millrace doctor has no option --jsn.', '--jsn'],
  ])('%j is refused', (args, message, given) => {
    const error = thrownBy(() => parseCommandLine(args))
    expect(error).toBeInstanceOf(UsageError)
    expect((error as UsageError).message).toContain(message)
    expect((error as UsageError).given).toBe(given)
  })

  it.each<[string[], string]>([[['run', 'file.ts', '--ui'], '--ui is not part of this version.']])(
    '%j is refused by name',
    (args, message) => {
      const error = thrownBy(() => parseCommandLine(args))
      expect(errorKind(error)).toBe('UnsupportedFeature')
      expect((error as Error).message).toContain(message)
    },
  )
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
      runner: 'direct',
      strict: true,
      seed: 7,
      reexecute: true,
      bundleSize: 2,
      requireCodecs: true,
      guarantee: 'gap',
      callTimeoutMillis: 1500,
      stageCompiler: 'closures',
    })
    expect(settings()).toEqual({ runner: 'direct', strict: false, requireCodecs: false, stageCompiler: 'auto' })
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
    ['--checkpoint', ' ', '--checkpoint needs the path of a folder, not " ".'],
    ['--batch-interval', '5', '--batch-interval needs a duration with its unit'],
    ['--batch-size', '0', '--batch-size needs a whole number from 1, not "0".'],
    ['--workers', '-1', '--workers needs a whole number from 0, not "-1".'],
    ['--isolation', 'fork', '--isolation is one of thread, process, not "fork".'],
    ['--grace', 'soon', '--grace needs a duration with its unit'],
    ['--stage-compiler', 'jit', '--stage-compiler is one of auto, generated, closures, not "jit".'],
    ['--runner', 'direkt', 'there is no runner "direkt".'],
  ])('%s %s is refused', (name, value, message) => {
    expect((thrownBy(() => settings(name, value)) as Error).message).toContain(message)
  })

  it('of the micro-batch runner are its own', () => {
    const batches = ['--checkpoint', 'kept', '--batch-interval', '1.5s', '--batch-size', '100', '--workers', '3', '--isolation', 'process'] // prettier-ignore
    expect(settings('--runner', 'micro-batch', ...batches, '--guarantee', 'exactly-once')).toMatchObject({
      runner: 'micro-batch',
      checkpoint: 'kept',
      batchInterval: 1500,
      batchSize: 100,
      workers: 3,
      isolation: 'process',
      guarantee: 'exactly-once',
    })
    expect(settings('--runner', 'micro-batch')).not.toHaveProperty('checkpoint')
  })

  it.each([
    ['--checkpoint', 'kept'],
    ['--batch-interval', '1s'],
    ['--batch-size', '5'],
    ['--rate', 'orders=5/s'],
    ['--latency-objective', '2s'],
    ['--workers', '2'],
    ['--isolation', 'thread'],
  ])('%s is refused without the micro-batch runner, which alone has batches', (name, value) => {
    const error = thrownBy(() => settings(name, value)) as Error
    expect(error.message).toContain(
      `${name} is for the micro-batch runner; with the direct runner it changes nothing. Add --runner micro-batch`,
    )
    expect(errorCode(error)).toBe('MR-1016')
  })

  it('limit sources by the paths of their steps, several at a time, in one text or in many', () => {
    const limits = (...rates: string[]): unknown =>
      settings('--runner', 'micro-batch', ...rates.flatMap((rate) => ['--rate', rate])).sourceLimits
    const expected = { 'read orders': { perSecond: 1000, perBatch: 50 }, 'a, b=c': { perSecond: 0.5 } }
    expect(limits('read orders=1000/s, a, b=c=0.5/s', 'read orders = 50/batch')).toEqual(expected)
    for (const wrong of ['orders', 'orders=5', 'orders=0/s', 'orders=x/s', '=5/s', 'orders=5/h'])
      expect(() => limits(wrong)).toThrow(/--rate needs limits such as 'read orders=1000\/s'/)
  })

  it('isolation is refused without workers', () => {
    expect(() => settings('--runner', 'micro-batch', '--isolation', 'process')).toThrow(
      '--isolation says what workers are, and there are none. Add --workers 2, or leave --isolation out.',
    )
    expect(settings('--runner', 'micro-batch', '--isolation', 'process', '--workers', '0')).toMatchObject({
      workers: 0,
    })
  })

  it('of the micro-batch runner are passed over where a stronger source has chosen another', () => {
    const config = { path: '/p/millrace.config.ts', config: { runner: 'micro-batch', checkpoint: 'kept' } as const }
    expect(settingsWith({ environment: {}, file: config })).toMatchObject({ checkpoint: 'kept' })
    expect(settingsWith({ environment: {}, file: config }, '--runner', 'direct')).not.toHaveProperty('checkpoint')
    const environment = { MILLRACE_BATCH_SIZE: '7', MILLRACE_RUNNER: 'direct' }
    expect(() => settingsWith({ environment, file: config })).toThrow('MILLRACE_BATCH_SIZE is for the micro-batch')
  })

  it('what runners on other engines have is theirs alone, and is checked wherever it is said', () => {
    const pool = ['--environment', 'external', '--environment-config', 'localhost:50000', '--native-packages', 'a,b']
    expect(settings('--runner', 'flink', '--workers', '2', ...pool)).toMatchObject({
      workers: 2,
      engine: { environment: 'external', environmentConfig: 'localhost:50000', nativePackages: ['a', 'b'] },
    })
    expect(() => settings(...pool)).toThrow('is for runners on other engines')
    expect(() => settings('--environment', 'docker')).toThrow('--environment is one of loopback, external, process')
  })

  it('checkpoints and options of jobs are handed to the engine, which says what it cannot take', () => {
    const all = [
      '--max=1',
      '--experiments=a=b,c',
      '--exact=12345678901234567890',
      '--fast=true',
      '--half=-0.5',
      '--name= x',
    ]
    const flags = all.flatMap((option) => ['--engine-option', option.slice(2)])
    expect(settings('--runner', 'flink', '--checkpoint', 'kept', ...flags)).toMatchObject({
      checkpoint: 'kept',
      engineOptions: {
        max: 1,
        experiments: 'a=b,c',
        exact: '12345678901234567890',
        fast: true,
        half: -0.5,
        name: ' x',
      },
    })
    const json = '{"parallelism":2,"experiments":["a","b"]}'
    expect(settings('--runner', 'prism', '--engine-option', json)).toMatchObject({ engineOptions: JSON.parse(json) })
    for (const wrong of ['max', '=1', 'max=', 'a b=1', '{"a":{}}', '{"a":[1]}', '{'])
      expect(() => settings('--runner', 'flink', '--engine-option', wrong)).toThrow('--engine-option needs name=value')
    expect(() => settings('--engine-option', 'max=1')).toThrow('--engine-option is for runners on other engines')
    expect(settings('--runner', 'prism', '--checkpoint', 'kept', '--workers', '2')).toMatchObject({ checkpoint: 'kept', workers: 2 }) // prettier-ignore
  })

  it('options of jobs come from the environment, or from a record in the file; Prism is not given what was meant for others', () => {
    const config = { checkpoint: 'kept', workers: 2, engineOptions: { max: 1, names: ['a'], flag: 'true' } } as const
    const file = { path: '/p/millrace.config.ts', config }
    expect(settingsWith({ file }, '--runner', 'flink-cluster')).toMatchObject(config)
    const { checkpoint, workers, engineOptions } = settingsWith({ file }, '--runner', 'prism')
    expect([checkpoint, workers, engineOptions]).toEqual([undefined, undefined, config.engineOptions])
    expect(settingsWith({ file }, '--runner', 'direct')).not.toHaveProperty('engineOptions')
    const environment = { MILLRACE_ENGINE_OPTION: 'max=2', MILLRACE_RUNNER: 'flink', MILLRACE_CHECKPOINT: 'other' }
    expect(settingsWith({ environment, file })).toMatchObject({ engineOptions: { max: 2 }, checkpoint: 'other' })
    const wrong = { environment: { MILLRACE_ENGINE_OPTION: 'max', MILLRACE_RUNNER: 'flink' } }
    expect(() => settingsWith(wrong)).toThrow('MILLRACE_ENGINE_OPTION needs name=value')
  })

  it('files of a certificate are named together', () => {
    const named = ['--tls-certificate', 'a.pem', '--tls-key', 'a.key']
    expect(settings('--runner', 'flink', ...named, '--tls-authority', 'ca.pem')).toMatchObject({
      engine: { tls: { certificate: 'a.pem', key: 'a.key', authority: 'ca.pem' } },
    })
    expect(() => settings('--runner', 'flink', ...named)).toThrow('--tls-certificate needs the others')
    expect(() => settings(...named)).toThrow('--tls-certificate is for runners on other engines')
  })
})

describe('settings', () => {
  const file = (config: object) => ({ path: '/p/millrace.config.ts', config })

  it('come from flags before the environment, from that before the file, and from there before what is usual', () => {
    const environment = { MILLRACE_BUNDLE_SIZE: '2', MILLRACE_STRICT: '1', MILLRACE_CALL_TIMEOUT: '' }
    const config = file({ bundleSize: 3, callTimeout: '5s', requireCodecs: true, guarantee: 'gap' })
    expect(settingsWith({ environment, file: config }, '--bundle-size', '1', '--no-require-codecs')).toEqual({
      runner: 'direct',
      strict: true,
      bundleSize: 1,
      callTimeoutMillis: 5000,
      requireCodecs: false,
      guarantee: 'gap',
      stageCompiler: 'auto',
    })
    expect(settingsWith({ environment, file: config })).toMatchObject({ bundleSize: 2, requireCodecs: true })
  })

  it('know their origins', () => {
    const found = settingsFrom({
      flags: new Map([['strict', false]]),
      environment: { MILLRACE_SEED: '7' },
      file: file({ callTimeout: '5s' }),
    })
    expect(['strict', 'seed', 'call-timeout', 'runner'].map((name) => found.get(name))).toEqual([
      { value: false, origin: { kind: 'flag', name: '--no-strict' } },
      { value: '7', origin: { kind: 'environment', name: 'MILLRACE_SEED' } },
      { value: '5s', origin: { kind: 'file', name: 'callTimeout', path: '/p/millrace.config.ts' } },
      { value: 'direct', origin: { kind: 'default' } },
    ])
  })

  it('of strict mode are off with it where something stronger has switched it off', () => {
    const config = file({ strict: true, seed: 7, reexecute: true })
    expect(settingsWith({ file: config })).toMatchObject({ strict: true, seed: 7, reexecute: true })
    const off = settingsWith({ file: config }, '--no-strict')
    expect([off.strict, off.seed, off.reexecute]).toEqual([false, undefined, undefined])
    expect(() => settingsWith({ file: config, environment: { MILLRACE_SEED: '8' } }, '--no-strict')).not.toThrow()
    expect(() => settingsWith({ file: config }, '--no-strict', '--seed', '8')).toThrow('--seed is the seed of strict')
  })

  it.each<[Partial<SettingSources>, string]>([
    [
      { environment: { MILLRACE_STRICT: 'maybe' } },
      'MILLRACE_STRICT is true or false, as --strict and --no-strict are',
    ],
    [{ environment: { MILLRACE_BUNDLE_SIZE: '0' } }, 'MILLRACE_BUNDLE_SIZE needs a whole number from 1, not "0".'],
    [{ environment: { MILLRACE_RUNNER: 'direkt' } }, 'there is no runner "direkt".'],
    [{ file: file({ callTimeout: '5' }) }, 'callTimeout of /p/millrace.config.ts needs a duration with its unit'],
    [{ file: file({ seed: 7 }) }, 'seed of /p/millrace.config.ts is the seed of strict mode'],
  ])('%j are refused by where they come from', (sources, message) =>
    expect(() => settingsWith(sources)).toThrow(message),
  )
})

function thrownBy(run: () => unknown): unknown {
  try {
    run()
  } catch (error) {
    return error
  }
  throw new Error('nothing was thrown')
}
