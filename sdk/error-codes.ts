/**
 * The codes of millrace's errors, and nothing else. A code names a kind of mistake: what somebody must understand and do.
 * Messages may be improved; a code, once given, keeps its meaning and is never used for another.
 *
 * Law: each code stands once in this table, is used somewhere, and has a page, `docs/errors/CODE.md`. Long texts live
 * there: this table is loaded with every pipeline.
 */

/** What a family of codes is about, by the first digit. */
export const errorFamilies = {
  1: 'building the graph',
  2: 'windows, triggers and time',
  3: 'state, timers, DoFns and user code',
  4: 'coders, codecs, values and schemas',
  5: 'reading and writing',
  6: 'runners',
  7: 'the command line and configuration',
  8: 'testing',
} as const

/** Every code, with the mistake in a few words. */
export const errorCodes = {
  // ---- 1: building the graph ---------------------------------------------------------------------------------------
  'MR-1001': 'no option has this name',
  'MR-1002': 'an argument has a value that is not allowed',
  'MR-1003': 'something that is needed was not given',
  'MR-1004': 'an argument is of the wrong kind',
  'MR-1005': 'two steps have one name',
  'MR-1006': 'the name of a step is not allowed',
  'MR-1007': 'a collection belongs to another pipeline',
  'MR-1008': 'a handler does not belong here',
  'MR-1009': 'the elements have no key',
  'MR-1010': 'a side input is no view of this pipeline',
  'MR-1011': 'the outputs of a DoFn are declared in a way that says nothing',
  'MR-1012': 'this is no DoFn',
  'MR-1013': 'this is no combiner',
  'MR-1014': 'a combiner is asked for what it cannot do here',
  'MR-1015': 'changes reach a step that would count retractions as values',
  'MR-1016': 'an option would change nothing',
  'MR-1017': 'a graph does not hold together',
  // ---- 2: windows, triggers and time -------------------------------------------------------------------------------
  'MR-2001': 'this is no duration',
  'MR-2002': 'this is no timestamp',
  'MR-2003': 'a span of time must be at least one millisecond',
  'MR-2004': 'an endless collection is grouped in one window without end',
  'MR-2005': 'a trigger would lose data',
  'MR-2006': 'this is no trigger',
  'MR-2007': 'windowInto is told nothing',
  'MR-2008': 'calendar windows are declared wrongly',
  'MR-2009': 'custom windows are declared wrongly',
  'MR-2010': 'custom windows gave what is no window',
  'MR-2011': 'custom windows merge what they may not',
  'MR-2012': 'no window of the view belongs to a main window',
  'MR-2013': 'windows that merge are viewed as a side input',
  'MR-2014': 'an endless collection is viewed in one window without end',
  'MR-2015': 'a step in the global window reads a windowed side input',
  'MR-2016': 'something is kept by window, and the windows merge',
  'MR-2017': 'collections with different windows are joined',
  'MR-2018': 'nobody can list the windows that are empty',
  'MR-2019': 'retracting is asked for where it has no meaning',
  'MR-2020': 'an output is earlier than its input',
  'MR-2021': 'a watermark goes back',
  'MR-2022': 'an output of finishBundle has no time or window',
  // ---- 3: state, timers, DoFns and user code -----------------------------------------------------------------------
  'MR-3001': 'user code threw',
  'MR-3002': 'something was used after its call had ended',
  'MR-3003': 'a step changed its input',
  'MR-3004': 'a function returned what its step cannot use',
  'MR-3005': 'a process that yields has several outputs',
  'MR-3006': 'a timer and its handler do not match',
  'MR-3007': 'a declaration means nothing without state',
  'MR-3008': 'a state has no codec',
  'MR-3009': 'a timer family needs a tag',
  'MR-3010': 'a timer was set when its window was over',
  'MR-3011': 'a processing-time timer was set to an absolute time',
  'MR-3012': 'a timer lies outside the times it may have',
  'MR-3013': 'no element is at hand',
  'MR-3014': 'something was used that is not declared',
  'MR-3015': 'a side input was read that is not declared',
  'MR-3016': 'a singleton view has no element, or several',
  'MR-3017': 'a map view has a key twice',
  'MR-3018': 'a metric was given what it does not take',
  'MR-3019': 'there are more dead letters than allowed',
  'MR-3020': 'a call does not end',
  'MR-3021': 'a splittable DoFn does not say what the runner must know',
  'MR-3022': 'a splittable DoFn declares what it cannot have',
  'MR-3023': 'a claim is out of order or out of range',
  'MR-3024': 'an element was emitted that was not claimed',
  'MR-3025': 'reading stopped before the end',
  'MR-3026': 'a source wants to do its work once for several windows',
  'MR-3027': 'something failed outside of every step',
  'MR-3028': 'a delivery is declared wrongly',
  // ---- 4: coders, codecs, values and schemas -----------------------------------------------------------------------
  'MR-4001': 'a value does not fit its codec',
  'MR-4002': 'a value is not what its coder encodes',
  'MR-4003': 'bytes are not what their coder reads',
  'MR-4004': 'a value is no plain data, and no codec says how to store it',
  'MR-4005': 'a value is cyclic, or nested too deep',
  'MR-4006': 'a codec checks asynchronously where nothing can wait',
  'MR-4007': 'a text has no UTF-8 form',
  'MR-4008': 'a codec is required and missing',
  'MR-4009': 'a codec describes no row',
  'MR-4010': 'there is no field of this name',
  'MR-4011': 'a field is of another type than needed',
  'MR-4012': 'two fields have one name',
  'MR-4013': 'rows are of different types',
  'MR-4014': 'no codec says what the rows are',
  'MR-4015': 'a schema does not hold together',
  'MR-4016': 'a value has no JSON',
  'MR-4017': 'a map has two values for a key',
  'MR-4101': 'an Avro schema is wrong, or cannot be used here',
  'MR-4102': 'bytes are not what their Avro schema says',
  'MR-4103': 'a value does not fit the schema that it is written by',
  'MR-4104': 'a file of records is broken',
  'MR-4105': 'a file of records has what is not read here',
  'MR-4106': 'a value would lose something on its way',
  'MR-4107': 'a part of a file is larger than allowed',
  // ---- 5: reading and writing --------------------------------------------------------------------------------------
  'MR-5001': 'there is no such file',
  'MR-5002': 'this is no regular file',
  'MR-5003': 'a file changed while it was read',
  'MR-5004': 'a file cannot be read',
  'MR-5005': 'a compressed file is broken',
  'MR-5006': 'a line is too long',
  'MR-5007': 'a file is not UTF-8',
  'MR-5008': 'the output exists already',
  'MR-5009': 'a file cannot be written',
  'MR-5010': 'the output would replace what is no file',
  'MR-5011': 'windows cannot be told apart as files',
  'MR-5012': 'two steps write the same files',
  'MR-5013': 'this is no name for an output file',
  'MR-5014': 'this platform has no files',
  'MR-5015': 'a generator contradicts itself',
  'MR-5016': 'a replay cannot place its elements in time',
  'MR-5017': 'an optional package is not installed',
  'MR-5101': 'a record of a file is malformed',
  'MR-5102': 'the header of a file is not what was asked for',
  'MR-5103': 'a value has no CSV field',
  'MR-5201': 'this platform has no standard streams',
  'MR-5202': 'this platform has no HTTP',
  'MR-5203': 'a server does not give what it is asked for',
  'MR-5204': 'nobody reads standard output any more',
  'MR-5205': 'standard input has one reader',
  'MR-5206': 'what a server gave cannot be used',
  'MR-5301': 'the database has no such table or column',
  'MR-5302': 'a table or a column cannot have this name',
  'MR-5303': 'rows have no whole number to be read by',
  'MR-5304': 'a column cannot hold this value',
  'MR-5305': 'the database is locked by others',
  'MR-5306': 'the changes of the table are not captured as is needed',
  'MR-5307': 'a key does not tell rows apart',
  'MR-5308': 'the table refuses a row',
  'MR-5309': 'changes that were to be read are gone',
  'MR-5401': 'this is no log, or none that can be read',
  'MR-5402': 'there is no such topic or partition',
  'MR-5403': 'a topic is there with other settings',
  'MR-5404': 'a group lets nobody else commit',
  'MR-5405': 'retention has removed what was to be read',
  'MR-5406': 'the log is locked',
  'MR-5407': 'a record cannot be appended',
  'MR-5408': 'a position lies behind the end of a log',
  'MR-5409': 'the log is closed',
  'MR-5410': 'a record of a log cannot be used',
  // ---- 6: runners --------------------------------------------------------------------------------------------------
  'MR-6001': 'the runner does not support what the pipeline needs',
  'MR-6002': 'this runner is not part of this version',
  'MR-6003': 'there is no runner of this name',
  'MR-6004': 'the runner cannot give this guarantee',
  'MR-6005': 'a step stands in the way of at-least-once',
  'MR-6006': 'the runner has one thread',
  'MR-6007': "the pipeline's thread died",
  'MR-6008': 'the pipeline ran out of memory',
  'MR-6009': 'a rule of the engine does not hold',
  'MR-6010': 'nothing was collected under this name',
  'MR-6011': 'the metrics cannot be served',
  'MR-6020': 'a source gives something else when it is read again',
  'MR-6021': 'the pipeline is not the one whose state is kept here',
  'MR-6022': 'a promise needs a checkpoint',
  'MR-6023': 'there is no store on this platform',
  'MR-6024': 'a run that keeps nothing cannot be stopped to go on later',
  'MR-6030': 'a step is not deterministic',
  'MR-6031': 'a worker has another pipeline than its driver',
  'MR-6032': 'workers end again and again',
  'MR-6033': 'the state cannot be divided into another number of partitions now',
  'MR-6034': 'a call keeps its worker from answering',
  'MR-6040': 'workers need the module of the pipeline',
  'MR-6041': 'a worker has another program than its driver',
  'MR-6042': 'an option cannot be handed to workers',
  'MR-6043': 'a worker could not be started',
  'MR-6044': 'a run without workers cannot be given some',
  'MR-6050': 'a changed pipeline would drop state that nobody has named',
  'MR-6051': 'a choice for a changed pipeline names nothing',
  'MR-6052': 'a value that is kept does not fit its new codec',
  'MR-6053': 'a batch must be finished before the pipeline changes',
  'MR-6054': 'a checkpoint keeps no such state',
  'MR-6055': 'a query must come to an end',
  'MR-6060': 'a limit is set for a step that does not read',
  'MR-6061': 'a source cannot have a queue',
  'MR-6062': "a part of a source's queue cannot be read back",
  'MR-6070': 'a source cannot keep the guarantee',
  'MR-6071': 'a sink cannot keep the guarantee',
  'MR-6072': 'a driver that stands by needs a checkpoint',
  'MR-6073': 'a hot standby cannot follow',
  'MR-6101': 'another run holds the checkpoint',
  'MR-6102': 'another run has taken over the checkpoint',
  'MR-6103': 'a checkpoint is damaged',
  'MR-6104': 'a checkpoint is of another format',
  'MR-6105': 'a checkpoint cannot be written or read',
  'MR-6106': 'there is no room for the checkpoint',
  'MR-6107': 'this place has a checkpoint already',
  'MR-6108': 'a savepoint would repeat deliveries',
  'MR-6201': 'a call to an engine failed',
  'MR-6202': 'an engine and the pipeline do not fit together',
  'MR-6203': 'state cannot be read from the engine',
  'MR-6204': 'there is no engine to run on',
  'MR-6205': 'the job failed on the engine',
  'MR-6206': 'workers in other processes cannot be used so',
  'MR-6207': 'the token of workers is not right',
  'MR-6208': 'workers do not reach their client',
  // ---- 7: the command line and configuration -----------------------------------------------------------------------
  'MR-7001': 'there is no such command',
  'MR-7002': 'the command has no such option',
  'MR-7003': 'an option of the command has a wrong value',
  'MR-7004': 'the command needs a file, or takes none',
  'MR-7005': 'this file is no module',
  'MR-7006': 'this is not part of this version',
  'MR-7007': 'the module exports no pipeline',
  'MR-7008': 'a module that is being loaded starts a run',
  'MR-7009': 'the module does not compile',
  'MR-7010': 'the bundler cannot be started',
  'MR-7011': 'the pipeline needs an option',
  'MR-7012': 'the pipeline has no such option',
  'MR-7013': 'an option of the pipeline has a wrong value',
  'MR-7014': 'the options codec of a pipeline cannot be used',
  'MR-7015': 'the name of an option belongs to the runner',
  'MR-7016': 'definePipeline lacks a name or a build function',
  'MR-7017': 'the conformance suite is asked for what it does not have',
  'MR-7018': 'a file of the conformance suite cannot be used',
  'MR-7019': 'there is no error of this code',
  'MR-7020': 'the configuration file is wrong',
  'MR-7021': 'the types cannot be checked',
  'MR-7022': 'the file has type errors',
  'MR-7023': 'a project cannot be made here',
  'MR-7024': 'there is no checkpoint here',
  'MR-7025': 'a run is writing the checkpoint',
  'MR-7026': 'the checkpoint keeps nothing of this step',
  'MR-7027': 'verify cannot read this place',
  'MR-7028': 'a record has no id',
  // ---- 8: testing --------------------------------------------------------------------------------------------------
  'MR-8001': 'an assertion does not hold',
  'MR-8002': 'an assertion was never judged',
  'MR-8003': 'a law does not hold',
  'MR-8004': 'an assertion is declared wrongly',
  'MR-8005': 'a script goes back in time',
  'MR-8006': 'a script holds what cannot be played',
  'MR-8007': 'a DoFn under test does not declare this',
  'MR-8008': 'a checker has nothing to check',
  'MR-8009': 'a test reads a source without end',
  'MR-8010': 'simulate has nothing to try',
  'MR-8011': 'each build of the pipeline is another one',
  'MR-8012': 'a matcher was given what it cannot judge',
  'MR-8013': 'a connection broke because the test said so',
} as const

/** A code of an error: `MR-1005`. Its page is `docs/errors/MR-1005.md`, which `millrace explain MR-1005` shows. */
export type ErrorCode = keyof typeof errorCodes

/**
 * The code of an error, whichever copy of the package made it; `undefined` for what is not millrace's.
 *
 * @example
 * ```ts
 * import { errorCode, pipeline } from 'millrace'
 * try {
 *   pipeline().create('', [1])
 * } catch (error) {
 *   errorCode(error) // 'MR-1006'
 * }
 * errorCode(new Error('other')) // => undefined
 * ```
 */
export function errorCode(error: unknown): ErrorCode | undefined {
  if (typeof error !== 'object' || error === null) return undefined
  try {
    const { code } = error as { readonly code?: unknown }
    return typeof code === 'string' && Object.hasOwn(errorCodes, code) ? (code as ErrorCode) : undefined
  } catch {
    // A getter of the author's failed.
    return undefined
  }
}

/**
 * An error of the platform's own class that a user of millrace meets: what user code did wrong, or the world. It gets
 * its code here, as millrace's own classes get theirs when they are made.
 */
export function coded<E extends Error>(code: ErrorCode, error: E): E & { readonly code: ErrorCode } {
  return Object.assign(error, { code })
}
