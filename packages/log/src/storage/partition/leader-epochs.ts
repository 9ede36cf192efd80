import type { EpochStart } from '../checkpoints/leader-epoch-checkpoint.ts'

/** The answer to "where does this epoch end?". */
export interface EpochEnd {
  /** The largest known epoch up to the one asked for; undefined if none is known. */
  readonly epoch: number | undefined
  /** Where the first larger epoch starts: the log's end if there is none. */
  readonly endOffset: number | undefined
}

/**
 * Which leader epochs a log has records of, and where each starts.
 *
 * 1. Epochs and start offsets rise strictly.
 * 2. `#saved` is what the checkpoint file says. An epoch that has written nothing needs no entry there: where it ends, so does the one before.
 */
export class LeaderEpochs {
  #starts: readonly EpochStart[]
  #saved: readonly EpochStart[]

  /** @param saved as the checkpoint file has them; entries that do not rise are left out */
  constructor(saved: readonly EpochStart[] = []) {
    this.#starts = []
    for (const { epoch, startOffset } of saved) this.assign(epoch, startOffset)
    this.#saved = saved
  }

  /** Whether the checkpoint file says the same of a log that ends at `logEndOffset`. */
  isSaved(logEndOffset: number): boolean {
    if (this.#saved === this.#starts) return true
    const [starts, saved] = [this.#starts, this.#saved].map((list) => list.filter(({ startOffset }) => startOffset < logEndOffset))
    const isSame = ({ epoch, startOffset }: EpochStart, index: number): boolean =>
      saved![index]!.epoch === epoch && saved![index]!.startOffset === startOffset
    return starts!.length === saved!.length && starts!.every(isSame)
  }

  /** The checkpoint file says this, durably. */
  markSaved(starts: readonly EpochStart[]): void {
    this.#saved = starts
  }

  /** A copy-on-write list: what was given out does not change. */
  get starts(): readonly EpochStart[] {
    return this.#starts
  }

  get latest(): EpochStart | undefined {
    return this.#starts.at(-1)
  }

  /** Notes that `epoch` wrote at `startOffset`. Epochs already known keep their start; what contradicts the newer entry is dropped. */
  assign(epoch: number, startOffset: number): void {
    const { latest } = this
    if (epoch < 0 || startOffset < 0 || (latest !== undefined && epoch === latest.epoch)) return
    if (latest !== undefined && epoch < latest.epoch && startOffset > latest.startOffset) return
    const kept = this.#starts.filter((start) => start.epoch < epoch && start.startOffset < startOffset)
    this.#replace([...kept, { epoch, startOffset }])
  }

  /** Where `epoch` ends in a log that ends at `logEndOffset`. Asked by followers that truncate. */
  endOf(epoch: number, logEndOffset: number): EpochEnd {
    const { latest } = this
    if (latest === undefined || epoch < 0) return { epoch: undefined, endOffset: undefined }
    if (epoch === latest.epoch) return { epoch, endOffset: logEndOffset }
    if (epoch > latest.epoch) return { epoch: undefined, endOffset: undefined }
    const next = this.#starts.findIndex((start) => start.epoch > epoch)
    const floor = this.#starts[next - 1]
    return { epoch: floor?.epoch ?? epoch, endOffset: this.#starts[next]?.startOffset }
  }

  /** The epoch that wrote an offset; undefined if it is not known. */
  epochAt(offset: number): number | undefined {
    return this.#starts.findLast((start) => start.startOffset <= offset)?.epoch
  }

  /** Forgets epochs that start at `offset` or above. */
  truncateFromEnd(offset: number): void {
    if ((this.latest?.startOffset ?? -1) < offset) return
    this.#replace(this.#starts.filter((start) => start.startOffset < offset))
  }

  /** Forgets epochs that end at `offset` or below; the one that covers it starts there from now on. */
  truncateFromStart(offset: number): void {
    const covering = this.#starts.findLastIndex((start) => start.startOffset <= offset)
    if (covering < 0 || (covering === 0 && this.#starts[0]!.startOffset === offset)) return
    this.#replace([{ epoch: this.#starts[covering]!.epoch, startOffset: offset }, ...this.#starts.slice(covering + 1)])
  }

  /** Puts an earlier list back. */
  restore(starts: readonly EpochStart[]): void {
    if (this.#starts !== starts) this.#replace(starts)
  }

  #replace(starts: readonly EpochStart[]): void {
    this.#starts = starts
  }
}
