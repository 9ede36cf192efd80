import { BATCH_HEADER_BYTES, BATCH_MAGIC, BATCH_PREFIX_BYTES, BatchView, headerProblem } from '../../records/batch.ts'

/** Fills `into` from `position` as far as the file reaches. */
export type ReadAt = (into: Uint8Array, position: number) => Promise<number>

export interface BatchScannerOptions {
  readonly position?: number
  /** Where the file ends, as far as it concerns the scan. */
  readonly end: number
  /** Bytes read at a time; 4 KiB by default. */
  readonly windowBytes?: number
}

/** Why a scan ended: at the end of the file, inside a batch, or at something that is none. */
export type ScanStop = 'end' | 'torn' | 'corrupt'

/**
 * Walks the batches of a file by their headers, and loads whole ones on demand.
 *
 * 1. What `next` gives has a sensible header, lies wholly before `end`, and is valid until the next call.
 * 2. `position` is the end of the last batch given; `stop` says why there is none behind it.
 * 3. Memory is bounded by the window and the largest batch that the file really has room for.
 */
export class BatchScanner {
  readonly #read: ReadAt
  readonly #end: number
  readonly #windowBytes: number
  #window: Uint8Array = new Uint8Array(0)
  #windowPosition = 0
  /** Where the batch that `next` gave begins. */
  batchPosition = 0
  position: number
  stop: ScanStop | undefined
  problem = ''

  constructor(read: ReadAt, options: BatchScannerOptions) {
    this.#read = read
    this.#end = options.end
    this.#windowBytes = Math.max(options.windowBytes ?? 4096, BATCH_HEADER_BYTES)
    this.position = options.position ?? 0
  }

  /** The next batch, of which only the header is there for sure. */
  async next(): Promise<BatchView | undefined> {
    if (this.stop !== undefined) return undefined
    const available = this.#end - this.position
    if (available <= 0) return this.#halt('end', '')
    if (available < BATCH_HEADER_BYTES) return this.#halt('torn', `${available} bytes of a header`)
    const batch = await this.#view(BATCH_HEADER_BYTES)
    if (batch === undefined) return this.#halt('torn', 'the file is shorter than it was')
    if (batch.magic !== BATCH_MAGIC) return this.#halt('corrupt', `magic ${batch.magic}`)
    if (batch.length < BATCH_HEADER_BYTES - BATCH_PREFIX_BYTES) return this.#halt('corrupt', `length ${batch.length}`)
    const problem = headerProblem(batch)
    if (problem !== undefined) return this.#halt('corrupt', problem)
    if (batch.sizeBytes > available) return this.#halt('torn', `${available} of ${batch.sizeBytes} bytes`)
    this.batchPosition = this.position
    this.position += batch.sizeBytes
    return batch
  }

  /** The batch that `next` gave last, with all its bytes (valid until the next call). */
  async whole(batch: BatchView): Promise<BatchView | undefined> {
    const { sizeBytes } = batch
    this.position = this.batchPosition
    const view = await this.#view(sizeBytes)
    this.position = this.batchPosition + sizeBytes
    return view
  }

  #halt(stop: ScanStop, problem: string): undefined {
    this.stop = stop
    this.problem = problem
    return undefined
  }

  /** A view at the position with at least so many bytes. */
  async #view(length: number): Promise<BatchView | undefined> {
    const within = this.position - this.#windowPosition
    if (within >= 0 && within + length <= this.#window.length) return new BatchView(this.#window, within)
    const into = new Uint8Array(Math.min(Math.max(this.#windowBytes, length), this.#end - this.position))
    const count = await this.#read(into, this.position)
    this.#window = into.subarray(0, count)
    this.#windowPosition = this.position
    return count < length ? undefined : new BatchView(this.#window, 0)
  }
}
