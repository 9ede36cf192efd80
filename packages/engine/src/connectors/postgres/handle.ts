import { engineError } from '../../errors.ts'

/** Rows that one subtask wrote between two checkpoints, as text of JSON that the database reads. */
export interface StagedBatch {
  /** Numbers the batches of a run from 1, without gaps. */
  readonly batch: number
  readonly checkpointId: number
  /** Arrays of rows. Of one key there is one row in all of them, or one key among the deletes. */
  readonly writes: readonly string[]
  /** Arrays of keys. */
  readonly deletes: readonly string[]
}

/** What a writer keeps in a checkpoint: its batches that are not known to be in the table. Each writer gives exactly one. */
export interface PostgresSinkHandle {
  readonly kind: 'postgres-sink'
  readonly version: 1
  /** Names the writer in the table of commits, for ever. */
  readonly run: string
  readonly checkpointId: number
  /** The last batch that the run had made. */
  readonly lastBatch: number
  readonly batches: readonly StagedBatch[]
}

/** Throws `POSTGRES_SINK_HANDLE_UNKNOWN` for anything else than handles. */
export function checkHandles(restored: readonly unknown[], stateId: string): readonly PostgresSinkHandle[] {
  for (const handle of restored as readonly Partial<PostgresSinkHandle>[]) {
    if (handle?.kind !== 'postgres-sink' || handle.version !== 1 || !Array.isArray(handle.batches)) {
      throw engineError('POSTGRES_SINK_HANDLE_UNKNOWN', { stateId })
    }
  }
  return restored as readonly PostgresSinkHandle[]
}

/** The batches of handles by run, each once and in the order in which they must be applied; and how far each run had come. */
export function batchesByRun(handles: readonly PostgresSinkHandle[]): ReadonlyMap<string, RestoredRun> {
  const runs = new Map<string, RestoredRun>()
  for (const [run, ofRun] of Map.groupBy(handles, (handle) => handle.run)) {
    const batches = new Map(ofRun.flatMap((handle) => handle.batches.map((each) => [each.batch, each] as const)))
    runs.set(run, {
      lastBatch: Math.max(...ofRun.map(({ lastBatch }) => lastBatch)),
      checkpointId: Math.max(...ofRun.map(({ checkpointId }) => checkpointId)),
      batches: [...batches.values()].toSorted((a, b) => a.batch - b.batch),
    })
  }
  return runs
}

export interface RestoredRun {
  readonly lastBatch: number
  readonly checkpointId: number
  readonly batches: readonly StagedBatch[]
}
