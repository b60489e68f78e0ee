/**
 * The numbers of a status, at known points of scripted runs. A script plays an event only when everything before it has been
 * processed; an element that says `look` is seen by a step right after the script, and dropped there, so that what it sees is
 * the run as the event before has left it.
 */
import { describe, expect, it } from 'vitest'
import {
  afterCount,
  afterProcessingTime,
  afterWatermark,
  errorHandler,
  fixedWindows,
  type PCollection,
  type Pipeline,
  pipeline,
  type RunStatus,
  run,
  type RunningPipeline,
  sessionWindows,
  slidingWindows,
  start,
  type StepStatus,
  TIMESTAMP_MAX,
  TIMESTAMP_MIN,
} from 'millrace'
import { at, testStream, type TestStream } from 'millrace/testing'
