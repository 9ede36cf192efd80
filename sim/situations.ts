/** What a run of seeds must have met to mean anything: each situation by name, and how often it was reached. */
export const situations = [
  'checkpoint',
  'final checkpoint',
  'kill',
  'crash',
  'crash between prepare and commit',
  'crash between _metadata and its announcement',
  'crash while a checkpoint is written',
  'blocked channel with data behind the barrier',
  'restore',
  'restore from a chain of deltas',
  'rescale',
  'abandoned checkpoint',
  'unfinished async inputs in a snapshot',
  'unfinished async inputs restored',
  'timers in a snapshot',
  'fallback from a damaged checkpoint',
  'stop and resume',
  'restart after a user failure',
  'restart after another failure',
  'region restart',
  'region lost while another was down',
  'failed for good, started again',
  'gone back to an older checkpoint',
  'crash soon after going back',
  'disk failure',
  'retained checkpoint restored aside',
  'savepoint',
  'savepoint given up',
  'stop with savepoint',
  'crash while a savepoint is written',
  'savepoint moved and restored aside',
  'keys dealt out anew',
  'state had expired',
  'operator list restored',
  'raw state restored',
  'snapshot overtook barriers',
  'snapshot overtook barriers after an aligned timeout',
  'in flight in a snapshot',
  'in flight restored',
  'in flight dealt out anew',
  'in flight again while it was replayed',
  'too much in flight',
  'rescaled, aligned, heap',
  'rescaled, aligned, rocksdb',
  'rescaled, unaligned, heap',
  'rescaled, unaligned, rocksdb',
  'rescaled, at least once, heap',
  'rescaled, at least once, rocksdb',
  'backend changed by savepoint',
  'savepoint of the heap restored by rocksdb',
  'savepoint of rocksdb restored by the heap',
  'checkpoint of the heap restored by rocksdb',
  'checkpoint of another backend refused',
  'state lost with the memory it was in',
  'restore from memory',
  'rows in the store below',
  'file of the store kept once for several checkpoints',
  'rows looked up ahead',
  'values in files of their own',
  'file of values emptied',
  'store restored whole',
  'store dealt out anew',
  'checkpoint of the store failed',
  'options changed',
  'options changed while a checkpoint is written',
  'options changed while tasks open',
  'savepoint or stop asked for while tasks open',
  'slot closed while it opens',
  'function failed to open',
  'checkpoint while a function finishes',
  'subtask that had ended in a checkpoint',
  'functions that had finished restored',
  'cancelled, and its checkpoints kept',
  'cancelled, and its checkpoints removed',
  'state read from local copies',
  'local copy missed',
  'checkpoint in a store of objects',
  'state files merged',
  'state read out of merged files',
] as const
export type Situation = (typeof situations)[number]

export class SituationCounts {
  readonly #counts: Map<Situation, number> = new Map()

  reached(situation: Situation, times = 1): void {
    this.#counts.set(situation, this.of(situation) + times)
  }

  of(situation: Situation): number {
    return this.#counts.get(situation) ?? 0
  }

  add(other: SituationCounts): void {
    for (const situation of situations) if (other.of(situation) > 0) this.reached(situation, other.of(situation))
  }

  /** Those reached less often than `times`. */
  missing(times: number): readonly Situation[] {
    return situations.filter((situation) => this.of(situation) < times)
  }

  toString(): string {
    return situations.map((situation) => `${String(this.of(situation)).padStart(8)}  ${situation}`).join('\n')
  }
}
