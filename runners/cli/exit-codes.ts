/**
 * How the command ends, for shells and schedulers. These numbers are part of the interface.
 */
export const EXIT = {
  /** The run is done, or was drained. */
  done: 0,
  /** The run failed: user code, a connector, a call over its time limit, the thread died; or a conformance case failed. */
  failed: 1,
  /** Nothing ran: the command line, the module or the pipeline is wrong, or asks for what this version does not have. */
  refused: 2,
  /** Stopped by a second SIGINT. */
  interrupted: 130,
  /** Whoever read the output has closed it. */
  outputClosed: 141,
  /** SIGTERM: a run that is kept was stopped after the batch at hand, or the time of grace was over. */
  terminated: 143,
} as const
