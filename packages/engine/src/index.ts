export { buildJob, type BuiltJob } from './api/build-job.ts'
export type { BroadcastConnected, BroadcastStream, KeyedBroadcastConnected } from './api/broadcast.ts'
export type { ConnectedStreams, KeyedConnected } from './api/connected.ts'
export type {
  Emitter,
  EventTimers,
  Handles,
  KeyedContext,
  Log,
  Metrics,
  ProcessingTimers,
  ReadonlyHandles,
  RecordContext,
} from './api/contexts.ts'
export type { Environment, SourceOptions } from './api/environment.ts'
export type { JobFunctions } from './api/functions.ts'
export { defineJob, isJob, type Job } from './api/job.ts'
export type { KeyCount, KeyedStream } from './api/keyed-stream.ts'
export {
  raw,
  rawKeyed,
  splitList,
  unionList,
  type OperatorHandles,
  type OperatorStateDeclaration,
  type OperatorStateDeclarations,
  type OperatorStateOptions,
  type RawOutput,
  type RawState,
  type UnionListState,
} from './api/operator-state.ts'
export { parseParams, type Params, type ParamValue, type WidenParams } from './api/params.ts'
export type {
  BroadcastProcessFunction,
  CoProcessFunction,
  Failure,
  KeyedBroadcastProcessFunction,
  KeyedCoProcessFunction,
  KeyedProcessFunction,
  OnError,
  ProcessFunction,
  WithOperatorState,
} from './api/process-functions.ts'
export { jobOptions } from './config/job-options.ts'
export type { CheckpointSettings, RestartSettings, RestartStrategy } from './api/settings.ts'
export {
  aggregating,
  list,
  map,
  reducing,
  value,
  type Aggregate,
  type AggregatingState,
  type Key,
  type KeyAtom,
  type ListState,
  type MapState,
  type ReducingState,
  type StandardSchema,
  type StateCodec,
  type StateDeclaration,
  type StateDeclarations,
  type StateOptions,
  type StateTtl,
  type ValueState,
} from './api/state.ts'
export type { OperatorSettings, Output, PartitioningChoice, Stage, Stream, StreamView } from './api/stream.ts'
export {
  type,
  type Declared,
  type MaybePromise,
  type NumericField,
  type OrderedField,
  type SideTypes,
  type Type,
  type TypeOf,
} from './api/types.ts'
export {
  watermarks,
  type CustomWatermarks,
  type IdleOptions,
  type TimestampOf,
  type WatermarkGenerator,
  type WatermarkStrategy,
} from './api/watermarks.ts'
export { describeJob, type EdgeDescription, type JobDescription, type OperatorDescription, type TaskDescription } from './graph/describe.ts'
export { describeAsMermaid } from './graph/describe-mermaid.ts'
export { describeAsText } from './graph/describe-text.ts'
export { fingerprint } from './graph/fingerprint.ts'
export type { EdgeNode, JobGraph, JobSettings, OperatorKind, OperatorNode, OutputName, Partitioning, StateNode } from './graph/graph.ts'
export { endToEndGuarantee, type Guarantee, type GuaranteeOptions, type JobGuarantee, type PathGuarantee } from './graph/guarantee.ts'
export { planJob, type PlanOptions } from './graph/plan.ts'
export { planOptions } from './runtime/deployment/plan-options.ts'
export type { ExecutionPlan, PlannedExchange, PlannedTask } from './graph/plan-types.ts'
export { checkJob, jobWarnings } from './graph/check-job.ts'
export { graphWarnings, type GraphWarning } from './graph/warnings.ts'

export { collection } from './connectors/collection.ts'
export { collectSink, type CollectSinkOptions } from './connectors/collect/collect-sink.ts'
export { ResultBuffer, type Deliver } from './connectors/collect/result-buffer.ts'
export { discard } from './connectors/discard.ts'
export { files, type FileLine, type FilesOptions, type ParsedFilesOptions } from './connectors/files/files.ts'
export type { LinePlace } from './connectors/files/reader.ts'
export { fileSink, type FileSinkOptions } from './connectors/file-sink/file-sink.ts'
export { generator, type GeneratorContext, type GeneratorOptions } from './connectors/generator/generator.ts'
export { print, type PrintOptions } from './connectors/print/print.ts'
export type { Sink, SinkWriter, WriterContext } from './connectors/sink.ts'
export type {
  ConnectorMetrics,
  ConnectorNotice,
  EnumeratorContext,
  PositionedReader,
  ReaderContext,
  Source,
  SourceOutput,
  SourceReader,
  Split,
  SplitEnumerator,
  SplitOutput,
} from './connectors/source.ts'

export { loadJobModule } from './runtime/module/job-module.ts'
export type {
  CheckpointHistory,
  CheckpointHistoryEntry,
  CheckpointMetrics,
  CompletedCheckpoint,
  CrashCapsule,
  JobEvent,
  JobFailure,
  JobMetrics,
  JobRegion,
  JobResult,
  OperatorHotKeys,
  RunJobOptions,
  RunningJob,
  SavepointOptions,
  StopOptions,
  SubtaskMetrics,
  RegionMetrics,
  TaskMetrics,
} from './runtime/job-types.ts'

export { engineOptionTable, type EngineOptionInput, type EngineOptions, type ResolvedEngineOptions } from './config/options.ts'
export { collect, execute, startJob, type ExecuteOptions } from './runtime/execute.ts'
export type { HotKey } from './keys/load/hot-keys.ts'
export { metricsText } from './runtime/metrics/metrics-text.ts'
export { ReportedError } from './runtime/deployment/failure-report.ts'
export { runJob } from './runtime/run-job.ts'
export { socketText, type SocketTextOptions } from './connectors/text/socket-text.ts'
export { stdin, type StdinOptions } from './connectors/text/stdin.ts'

export { openSavepoint, type EntryFilter, type OpenSavepoint, type OperatorSize } from './savepoint/open-savepoint.ts'
export { removeSavepoint } from './savepoint/dispose.ts'
export {
  reportRestore,
  type RestoreReport,
  type RestoreReportOptions,
  type StateFate,
  type StateOutcome,
} from './savepoint/restore-report.ts'
export type { SnapshotAccess } from './savepoint/snapshot-place.ts'
export type {
  AsyncInputEntry,
  EntryValue,
  FinishedEntry,
  InFlightEntry,
  ListEntry,
  MapEntry,
  OperatorListEntry,
  RawEntry,
  SinkEntry,
  SnapshotFacts,
  SnapshotItem,
  SnapshotOperator,
  SourceEntry,
  StateEntry,
  TimerEntry,
  ValueEntry,
} from './savepoint/state-entry.ts'
export { formatStateLine, parseKeyText, parseStateLine } from './savepoint/state-lines.ts'
export { writeSavepoint, type SavepointEdit, type WriteSavepointOptions } from './savepoint/write-savepoint.ts'
