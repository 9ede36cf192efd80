import type { Source } from '../connectors/source.ts'
import type { CheckpointSettings, RestartSettings } from './settings.ts'
import type { Stream } from './stream.ts'
import type { WatermarkStrategy } from './watermarks.ts'

/** Settings of the operator that a source becomes; each is also a method of the stream, except `watermarks`. */
export interface SourceOptions<T> {
  /** What the source's position is found by after the job has changed; unique in the job. By default derived from the place in the graph. */
  readonly uid?: string
  /** For people: in logs, metrics and drawings. By default its connector: `files source`. */
  readonly name?: string
  /** How event time is read off the records; without it they have the time stamps the source gives, and no watermarks. */
  readonly watermarks?: WatermarkStrategy<T>
  /** Subtasks; default: the job's. */
  readonly parallelism?: number
}

/** Where a job is built. Valid only within the build function. */
export interface Environment {
  fromSource<T>(source: Source<T>, options?: SourceOptions<NoInfer<T>>): Stream<Readonly<T>>
  /** The values, in order, read by one subtask; then the input ends. They must be the same at every build. */
  fromCollection<T>(values: Iterable<T>, options?: SourceOptions<NoInfer<T>>): Stream<Readonly<T>>
  /** Set what the job needs for itself: `env.checkpointing.interval = '1s'`. It wins over the command line and the configuration. */
  readonly checkpointing: CheckpointSettings
  /** `env.restart.strategy = { kind: 'fixed-delay', attempts: 3, delay: '10s' }`. */
  readonly restart: RestartSettings
}
