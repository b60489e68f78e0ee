/**
 * URNs of what an engine says to workers: the steps that it puts in where data comes in and goes out, and what it can do.
 */

/** Data comes in. */
export const SOURCE_URN = 'beam:runner:source:v1'
/** Data goes out. */
export const SINK_URN = 'beam:runner:sink:v1'

/** It takes output within the answer to a bundle. */
export const EMBEDDING = 'beam:protocol:control_response_elements_embedding:v1'
/** It takes counts by ids that it learns once. */
export const SHORT_IDS = 'beam:protocol:monitoring_info_short_ids:v1'
