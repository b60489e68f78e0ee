/**
 * Rows of the command table: what looks at checkpoints, and at what went in and came out.
 */
import type { CommandRow, OperandRow } from './commands.js'
import type { OptionRow } from './setting-rows.js'

/** Names of these commands. */
export type CheckpointCommandName = 'state' | 'query' | 'savepoint' | 'fsck' | 'verify'

const pageHelp: OptionRow = { name: 'help', value: undefined, help: 'show this page', short: 'h' }
const json = (help: string): OptionRow => ({ name: 'json', value: undefined, help })
const checkpoint: OperandRow = { name: 'CHECKPOINT', kind: 'folder', isRequired: true }

/** Options of a run that goes on from what a checkpoint keeps. They are said once, so no setting has them. */
export const changeOptions: readonly OptionRow[] = [
  {
    name: 'on-change',
    value: 'choice',
    help: 'when the pipeline is not the one that the checkpoint keeps: refuse (default) and explain, or migrate',
    values: ['refuse', 'migrate'],
  },
  {
    name: 'rename-step',
    value: 'old=new',
    help: 'a step has another name: what it keeps goes along; several times',
    repeats: '\n',
  },
  {
    name: 'drop-state',
    value: 'step',
    help: 'what a step keeps, or step#part, may be dropped; several times',
    repeats: '\n',
  },
  {
    name: 'partitions',
    value: 'number',
    help: 'partitions of keys and of what the checkpoint keeps, 1 to 256; what is kept moves',
  },
]

const state: CommandRow = {
  name: 'state',
  usage: 'millrace state ls|get CHECKPOINT [options]',
  summary: 'show what a checkpoint keeps: its parts, or the entries of a step',
  operands: [{ name: 'ls', kind: 'word', isRequired: true, values: ['ls', 'get'] }, checkpoint],
  options: [
    { name: 'step', value: 'name', help: 'get: the step, as ls names it; - for what the run itself keeps' },
    {
      name: 'pipeline',
      value: 'file',
      help: 'the pipeline whose state it is, its options after it: get shows values as JSON lines, ls also keys',
      isPath: true,
      isModule: true,
    },
    { name: 'key', value: 'key', help: 'get --pipeline: of this key only, as text or JSON' },
    {
      name: 'window',
      value: 'time',
      help: 'get --pipeline: of the window that begins or ends then only; global for all of time',
    },
    { name: 'limit', value: 'number', help: 'get: entries that are shown at most; default 100' },
    json('ls: as JSON; get: an entry a line'),
    pageHelp,
  ],
  notes: [
    'Looks at the newest committed batch, in a copy in the folder for temporary files: the checkpoint is not touched, and',
    'a run may be writing it. ls tells query, batch, parts with their sizes, and watermarks. get tells the kind, slot, id',
    'and content of each entry, in bytes; with --pipeline what they mean, decoded by its codecs: state cells, timers,',
    'what is grouped, side inputs, how far sources have read.',
  ],
}

const query: CommandRow = {
  name: 'query',
  usage: 'millrace query FILE --checkpoint CHECKPOINT [--option-of-the-pipeline value …]',
  summary: 'run a bounded pipeline over what a checkpoint keeps now',
  operands: [{ name: 'FILE', kind: 'module', isRequired: true }],
  options: [
    {
      name: 'checkpoint',
      value: 'folder',
      help: 'whose state is asked: of a run that goes on, or has ended',
      isPath: true,
    },
    json('progress and errors as one JSON object a line, on stderr'),
    { name: 'quiet', value: undefined, help: 'no progress and no summary; errors are still shown' },
    { name: 'help', value: undefined, help: 'show help; after FILE also the options of its pipeline', short: 'h' },
  ],
  notes: [
    'FILE exports a pipeline with an option named checkpoint, which reads readState(options.checkpoint, { step, state })',
    'of millrace/micro-batch, joins it with whatever else it reads, and comes to an end. It runs on the direct runner. All',
    'it reads of the checkpoint is of one committed batch, in a copy in the folder for temporary files; a run that writes',
    'it is not disturbed.',
  ],
}

const savepoint: CommandRow = {
  name: 'savepoint',
  usage: 'millrace savepoint CHECKPOINT TARGET',
  summary: 'copy the newest committed version of a checkpoint into a new folder',
  operands: [checkpoint, { name: 'TARGET', kind: 'folder', isRequired: true }],
  options: [json('what was made, as JSON on stdout'), pageHelp],
  notes: [
    'A run may be writing the checkpoint. TARGET is new or empty, appears as a whole, and is a checkpoint of a query of its',
    'own: what a run delivers from there is new to its sinks, also what the first query has delivered meanwhile. Files that',
    'are gathered for outputs are copied beside these: give the command in the folder that the run was started in.',
  ],
}

const fsck: CommandRow = {
  name: 'fsck',
  usage: 'millrace fsck CHECKPOINT [--json]',
  summary: 'look whether a checkpoint is whole, and name what is damaged',
  operands: [checkpoint],
  options: [json('as JSON on stdout'), pageHelp],
  notes: [
    'Reads all of a checkpoint that no run is writing, in a copy in the folder for temporary files: checksums, that plans,',
    'commits and versions follow each other, that time does not go back. Exits with 1 when anything is wrong.',
  ],
}

const verify: CommandRow = {
  name: 'verify',
  usage: 'millrace verify --source PLACE --sink PLACE --id FIELD [options]',
  summary: 'compare by id what went in with what came out: what is lost, repeated, unknown',
  operands: [],
  options: [
    {
      name: 'source',
      value: 'place',
      help: 'what went in: a file, a glob, sqlite:FILE#TABLE or log:FOLDER#TOPIC',
      isPath: true,
    },
    { name: 'sink', value: 'place', help: 'what came out, in the same forms', isPath: true },
    { name: 'id', value: 'field', help: 'path of a field (order.id), column, line (of text) or key (of a log)' },
    { name: 'sink-id', value: 'field', help: 'the same for the sink, where it is called otherwise' },
    {
      name: 'manifest',
      value: 'folder',
      help: 'of a sink of files: the manifests, which name the batch of each file',
      isPath: true,
    },
    {
      name: 'checkpoint',
      value: 'folder',
      help: 'of the run: tells by time, about, the batch of what a log has got',
      isPath: true,
    },
    {
      name: 'allow-missing-tail',
      value: undefined,
      help: 'what follows the last id that came out, in each file or partition, is not lost',
    },
    json('as JSON on stdout'),
    pageHelp,
  ],
  notes: [
    'Files are .ndjson, .jsonl, .csv, .txt, .lines or .log, also with .gz. Ids lie in a database in the folder for',
    'temporary files: memory does not grow with them. Exits with 1 when an id is lost, repeated or unknown, or when',
    'records of the sink have none.',
  ],
}

/** See the head of this file. */
export const checkpointCommands: readonly CommandRow[] = [state, query, savepoint, fsck, verify]
