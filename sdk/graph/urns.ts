/**
 * URNs name what a node of the graph is. The `beam:` ones are Beam's own (Runner API, `StandardPTransforms` and
 * `StandardSideInputTypes`); the `millrace:` ones name what exists only here.
 */

export const IMPULSE = 'beam:transform:impulse:v1'
export const PAR_DO = 'beam:transform:pardo:v1'
export const FLATTEN = 'beam:transform:flatten:v1'
export const GROUP_BY_KEY = 'beam:transform:group_by_key:v1'
export const WINDOW_INTO = 'beam:transform:window_into:v1'
export const COMBINE_PER_KEY = 'beam:transform:combine_per_key:v1'
export const COMBINE_GROUPED = 'beam:transform:combine_grouped_values:v1'
export const COMBINE_PRE = 'beam:transform:combine_per_key_precombine:v1'
export const COMBINE_MERGE = 'beam:transform:combine_per_key_merge_accumulators:v1'
export const COMBINE_EXTRACT = 'beam:transform:combine_per_key_extract_outputs:v1'
export const RESHUFFLE = 'beam:transform:reshuffle:v1'
export const TEST_STREAM = 'beam:transform:teststream:v1'
/** A transform of another SDK, whose own URN is in its payload. */
export const EXTERNAL = 'millrace:transform:external:v1'
/** Gives back its input to the program that ran the pipeline. */
export const COLLECT = 'millrace:transform:collect:v1'
/** Prints its input for the user. */
export const PRINT = 'millrace:transform:print:v1'

export const SIDE_ITERABLE = 'beam:side_input:iterable:v1'
export const SIDE_MULTIMAP = 'beam:side_input:multimap:v1'

/** A function of the author, found again by its reference. */
export const USER_FUNCTION = 'millrace:function:v1'
/** The default coder. */
export const DYNAMIC_CODER = 'millrace:coder:dynamic:v1'
/** A coder made from an author's codec. */
export const CODEC_CODER = 'millrace:coder:codec:v1'
/** A coder of rows; its payload is the schema. */
export const ROW_CODER = 'beam:coder:row:v1'
export const TAGGED_CODER = 'millrace:coder:tagged:v1'
/** Values that come and go. */
export const CHANGE_CODER = 'millrace:coder:change:v1'
/** Rows of a table of results: window, key, value. */
export const RESULT_ROW_CODER = 'millrace:coder:result_row:v1'
export const KV_CODER = 'beam:coder:kv:v1'
export const ITERABLE_CODER = 'beam:coder:iterable:v1'
export const BYTES_CODER = 'beam:coder:bytes:v1'
export const STRING_CODER = 'beam:coder:string_utf8:v1'
export const VARINT_CODER = 'beam:coder:varint:v1'
export const DOUBLE_CODER = 'beam:coder:double:v1'
export const BOOL_CODER = 'beam:coder:bool:v1'
export const GLOBAL_WINDOW_CODER = 'beam:coder:global_window:v1'
export const INTERVAL_WINDOW_CODER = 'beam:coder:interval_window:v1'
