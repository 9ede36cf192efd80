import type { EnumeratorContext, Split, SplitEnumerator } from './source.ts'

/** What a `FixedSplits` keeps in a checkpoint: the splits no reader has been given. */
interface FixedSplitsState {
  readonly unassigned: readonly Split[]
}

export interface FixedSplitsOptions<S extends Split> {
  /** The splits of a first start. */
  readonly initial: () => readonly S[]
  /** Cuts the splits of a restore anew where a reader would have none; by default they stay as they are. */
  readonly divide?: (splits: readonly S[]) => readonly S[]
}

/**
 * Deals a set of splits that is known at the start out to the readers, evenly and in order.
 *
 * 1. Each split is with exactly one of: the unassigned ones here, one reader.
 * 2. A reader is told `noMoreSplits` right after its share.
 */
export class FixedSplits<S extends Split> implements SplitEnumerator {
  readonly #context: EnumeratorContext
  readonly #options: FixedSplitsOptions<S>
  #unassigned: readonly S[] = []
  #shares: S[][] | undefined

  constructor(context: EnumeratorContext, options: FixedSplitsOptions<S>) {
    this.#context = context
    this.#options = options
  }

  start(restored: unknown): void {
    this.#unassigned = restored === undefined ? this.#options.initial() : ((restored as FixedSplitsState).unassigned as readonly S[])
  }

  addSplitsBack(splits: readonly Split[]): void {
    this.#unassigned = [...this.#unassigned, ...(splits as readonly S[])]
  }

  addReader(subtask: number): void {
    this.#shares ??= this.#deal()
    const share = this.#shares[subtask] ?? []
    this.#shares[subtask] = []
    this.#context.assign(subtask, share)
    this.#context.noMoreSplits(subtask)
  }

  snapshot(): FixedSplitsState {
    return { unassigned: this.#shares?.flat() ?? this.#unassigned }
  }

  close(): void {}

  #deal(): S[][] {
    const shares = Array.from({ length: this.#context.parallelism }, (): S[] => [])
    const splits = this.#options.divide?.(this.#unassigned) ?? this.#unassigned
    for (const [index, split] of splits.entries()) shares[index % shares.length]!.push(split)
    return shares
  }
}
