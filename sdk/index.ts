/**
 * The model: what a pipeline's author writes, and the graph it becomes. This module runs nothing.
 *
 * @module
 */
export { type Codec, type IoTsCodec, type TypeOf, type TypeOnly, typed } from './codec.js'
export { definePipeline, type PipelineDefinition } from './define-pipeline.js'
export type {
  ByteInput,
  ByteOutput,
  Env,
  LoadControl,
  LoadGate,
  LoadMeasure,
  FileHandle,
  FileStatus,
  FileSystem,
  HttpClient,
  HttpRequest,
  HttpResponse,
  TimerHandle,
} from './env.js'
export { OutputClosed, seededRandom } from './env.js'
export { type ErrorCode, errorCode, errorCodes } from './error-codes.js'
export {
  DecodeError,
  type ErrorKind,
  errorKind,
  MillraceError,
  PipelineError,
  UserCodeError,
  type UserCodeErrorDetails,
} from './errors.js'
export type { CollectionRef, GraphBuilder } from './graph/builder.js'
export type { BuiltPipeline, PipelineGraph } from './graph/model.js'
export { type KV, kv } from './kv.js'
export type { LogFunction, Logger, LogLevel, LogRecord, StepLog } from './logger.js'
export {
  type Counter,
  type Distribution,
  type DistributionResult,
  type Gauge,
  metric,
  type MetricBuilders,
  type MetricCells,
  type MetricKind,
  type MetricSpec,
  type StringSet,
} from './metrics.js'
export type { OutputCollections, PTransform } from './pcollection.js'
export { PCollection } from './pcollection.js'
export { type ErrorHandlerOptions, Pipeline, pipeline } from './pipeline.js'
export { preview } from './preview.js'
export type { RowValue } from './coders/row.js'
export { cast, type Cast, type NumberType } from './schema/cast.js'
export { codecOf } from './schema/codec-of.js'
export { schemaOf, type WithSchema, withSchema } from './schema/codec-row.js'
export {
  type Allows,
  type AnyRow,
  drop,
  explode,
  type Exploded,
  type FieldAt,
  type FieldPath,
  type LastName,
  rename,
  type Renamed,
  select,
  type Selected,
  unnest,
  type Unnested,
  withField,
} from './schema/fields.js'
export {
  type Aggregate,
  type AggregatedFields,
  type Aggregates,
  type AggregatesFit,
  type CommonFields,
  groupByFields,
  type GroupedRow,
  joinByFields,
  type JoinedRow,
  type JoinKind,
  type JoinOptions,
} from './schema/group-and-join.js'
export { convertTo, fromJson, toJson } from './schema/whole-rows.js'
export {
  type AtomicType,
  type Field,
  type FieldType,
  type LogicalType,
  type Schema,
  type SchemaOption,
  schemaText,
} from './schema/schema.js'
export { Secret, secret } from './secret.js'
export type { SourcePosition } from './source-position.js'
export {
  type OffsetRange,
  offsetRangeCodec,
  OffsetRangeTracker,
  type RestrictionProgress,
  type RestrictionTracker,
} from './source/restriction-tracker.js'
export { GrowableRangeTracker, OneShotTracker, UNKNOWN_END, UnsplittableRangeTracker } from './source/other-trackers.js'
export {
  type AfterCrash,
  type AnyTracker,
  type RestrictionContext,
  type Resume,
  resume,
  type SplittableContext,
  type SplittableDoFn,
  type SplittableFunctions,
  type TaggedSplittableDoFn,
} from './source/splittable.js'
export {
  type IdleOptions,
  type WatermarkPolicies,
  type WatermarkPolicy,
  watermarks,
} from './source/watermark-policy.js'
export type {
  BagState,
  CombiningState,
  MapState,
  MultimapState,
  OrderedListState,
  SetState,
  TimestampedValue,
  ValueState,
} from './state/state-cell.js'
export {
  type BagStateSpec,
  type CombiningOptions,
  type CombiningStateSpec,
  type MapStateSpec,
  type MultimapStateSpec,
  type OrderedListStateSpec,
  type SetStateSpec,
  state,
  type StateBuilders,
  type StateCell,
  type StateCells,
  type StateSpec,
  type ValueStateSpec,
} from './state/state-spec.js'
export {
  type AlignedTimer,
  type AlignedTimerFamily,
  type EventTimeFamilySpec,
  type EventTimeTimerSpec,
  type ProcessingTimeFamilySpec,
  type ProcessingTimeTimer,
  type ProcessingTimeTimerFamily,
  type ProcessingTimeTimerSpec,
  type TimeDomain,
  type Timer,
  timer,
  type TimerBuilders,
  type TimerCell,
  type TimerCells,
  type TimerClock,
  type TimerFamily,
  type TimerOptions,
  type TimerSpec,
} from './state/timer-spec.js'
export {
  addMillis,
  type Duration,
  durationMillis,
  END_OF_GLOBAL_WINDOW,
  formatTimestamp,
  type Instant,
  TIMESTAMP_MAX,
  TIMESTAMP_MIN,
  toTimestamp,
} from './time.js'
export {
  type CoGroup,
  type CoGroupInputs,
  coGroupByKey,
  type SameKeys,
  type UnequalKeys,
} from './transforms/co-group-by-key.js'
export type {
  CombineFn,
  CombineGloballyOptions,
  Combiner,
  MonoidCombine,
  SemigroupCombine,
} from './transforms/combine.js'
export type {
  AnyCombineFn,
  AnyCombiner,
  AnyConcat,
  AnyMonoidCombine,
  AnySemigroupCombine,
  CombinerInput,
  CombinerOutput,
  Gives,
  Takes,
  TakesPart,
} from './transforms/any-combiner.js'
export {
  any,
  every,
  type Order,
  reducing,
  toList,
  toMap,
  type ToMapOptions,
  top,
  type TopOptions,
  toSet,
} from './transforms/collections.js'
export { type Change, changeCodec, type Insert, insert, isChange, type Retract, retract } from './transforms/change.js'
export {
  combineChanges,
  type CombineChangesOptions,
  groupChanges,
  type TakesChanges,
  type Tally,
} from './transforms/combine-changes.js'
export { combineFields, type CombinerFields, type FieldsInput, type FieldsOutput } from './transforms/combine-fields.js'
export { type Fanout, withHotKeyFanout } from './transforms/hot-keys.js'
export { combineValues, distinctBy, latest, latestPerKey, sample, samplePerKey, tee } from './transforms/per-key.js'
export { regexFind, regexFindAll, regexMatches, regexReplaceAll, regexSplit } from './transforms/regex.js'
export { exceptFor, intersectWith, type MultiplicityOptions, unionWith } from './transforms/set-operations.js'
export { approximateDistinct, type QuantileSketch, quantiles, type SketchOptions } from './transforms/sketches.js'
export { type AsOf, type AsOfInputs, joinAsOf, type JoinAsOfOptions } from './transforms/joins/join-as-of.js'
export { joinTables, type JoinTablesOptions, type TableInputs, type TableOf } from './transforms/joins/join-tables.js'
export { type JoinReach, joinWithin, type JoinWithinOptions } from './transforms/joins/join-within.js'
export type { Joined, JoinInputs } from './transforms/joins/joined.js'
export { fullJoin, innerJoin, leftJoin, rightJoin } from './transforms/joins/windowed-joins.js'
export { groupIntoBatches, type GroupIntoBatchesOptions } from './transforms/batches.js'
export { shed, type ShedOptions } from './transforms/shed.js'
export { deduplicate, type DeduplicateOptions } from './transforms/deduplicate.js'
export { countWindows, type CountWindowsOptions } from './transforms/count-windows.js'
export type { CreateOptions } from './transforms/create.js'
export type {
  Deliver,
  Delivery,
  DeliveryContext,
  DeliveryId,
  DeliveryRepeats,
  Query,
  SinkContext,
} from './transforms/delivery.js'
export type {
  AfterCommit,
  AnyDoFn,
  DoFnFunctions,
  DoFnShape,
  Emit,
  EmitInWindow,
  EmitInWindowOf,
  EmitOf,
  ExpirationContext,
  FinishContext,
  KeyOf,
  MetricSpecs,
  OutputSpecs,
  ProcessContext,
  Processed,
  RetryOptions,
  SetupContext,
  SideInputs,
  SideValues,
  StateSpecs,
  StepContext,
  StepOptions,
  TimerContext,
  TimerHandlers,
  TimerSpecs,
} from './transforms/do-fn.js'
export type { MapOptions, TimestampOptions } from './transforms/element-wise.js'
export type { DeadLetter, ErrorHandler } from './transforms/errors.js'
export type { LateDataHandler, LateElement, LateReason } from './transforms/late-data.js'
export { empty, flatten } from './transforms/flatten.js'
export { waitOn } from './transforms/wait-on.js'
export {
  external,
  type ExternalDeclaration,
  type ExternalSourceDeclaration,
  type ExternalTransform,
} from './transforms/external.js'
export type { ExternalConfiguration } from './graph/model.js'
export { PythonCallable, pythonCallable, pythonTransform, type PythonValue } from './transforms/python-transform.js'
export { type WireType, wireType } from './transforms/wire-type.js'
export { swap, textOf, toStrings, withKeys } from './transforms/keyed.js'
export type { PrintOptions } from './transforms/output.js'
export {
  type CompleteOptions,
  type OutputMode,
  outputMode,
  type ResultGroupings,
  type TableGroupings,
} from './transforms/output-mode.js'
export type { ResultRow, ResultTable, ResultWindow } from './transforms/result-table.js'
export { type Reified, reify, restoreTimestamps } from './transforms/reify.js'
export {
  type ReadResult,
  readFrom,
  type SourceDeclaration,
  type SourceReader,
  type SourceRecord,
} from './transforms/read-from.js'
export { retracting, type RetractingGroupings } from './transforms/retracting.js'
export type {
  AnyChange,
  CertainlyChanges,
  ChangesAreNotGrouped,
  IgnoringKind,
  KeyedIfStateful,
  Parts,
} from './transforms/signature-types.js'
export { source, splittableParDo } from './transforms/splittable.js'
export { count, max, mean, type MeanAccumulator, min, sum } from './transforms/statistics.js'
export type {
  CodecOption,
  PCollectionView,
  SingletonOptions,
  ViewFn,
  ViewKind,
  ViewOptions,
  WindowMapping,
} from './transforms/views.js'
export { NO_FIRING, type PaneInfo, type PaneTiming } from './windowing/pane-info.js'
export {
  afterAll,
  type AfterAllTrigger,
  afterBatch,
  type AfterBatchTrigger,
  afterCount,
  afterEach,
  type AfterEachTrigger,
  afterFirst,
  type AfterFirstTrigger,
  afterProcessingTime,
  type AfterProcessingTimeTrigger,
  type AfterSynchronizedProcessingTimeTrigger,
  afterWatermark,
  type AfterWatermarkTrigger,
  type AlignTo,
  type DefaultTrigger,
  defaultTrigger,
  type EarlyAndLate,
  type ElementCountTrigger,
  never,
  type NeverTrigger,
  orFinally,
  type OrFinallyTrigger,
  repeatedly,
  type RepeatedlyTrigger,
  type TimestampTransform,
  type Trigger,
} from './windowing/trigger.js'
export { type CalendarOptions, calendarWindows, type Weekday } from './windowing/calendar-windows.js'
export {
  type AssignContext,
  type CustomMerge,
  type CustomWindowFn,
  customWindows,
  type CustomWindowsOptions,
  type DataOf,
  type WindowOf,
  type WindowShape,
} from './windowing/custom-windows.js'
export {
  type BoundedWindow,
  DataWindow,
  GlobalWindow,
  globalWindow,
  IntervalWindow,
  type Windows,
} from './windowing/window.js'
export {
  type CalendarUnit,
  fixedWindows,
  globalWindows,
  mergeOverlapping,
  sessionWindows,
  slidingWindows,
  type WindowFn,
  type WindowFnPayload,
  type WindowMerge,
} from './windowing/window-fn.js'
export type {
  AccumulationMode,
  EmptyPaneBehavior,
  TimestampCombiner,
  WindowingOptions,
  WindowingStrategy,
} from './windowing/windowing-strategy.js'
