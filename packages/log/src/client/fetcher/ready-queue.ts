/**
 * What was fetched and not taken yet, in the order it came.
 *
 * 1. What belongs to a position that was given up since is thrown away.
 * 2. An error of a partition comes after its records, and only once all that stands before it was taken.
 * 3. What was taken is not looked at any more once more is taken: a range that had nothing left then is released.
 * 4. Records are made when they are taken. Where one cannot be read, what came behind it is thrown away, and the position stands still.
 */
import type { FetchedRecords, OpenedRange } from './fetched.ts'
import type { Position } from './position.ts'

interface Ready {
  readonly position: Position
  readonly version: number
  readonly content: OpenedRange | { readonly error: Error }
}

export class ReadyQueue {
  #entries: Ready[] = []
  #bufferedBytes = 0
  /** All their records have been taken. */
  #spent: OpenedRange[] = []

  /** Of all partitions together. */
  get bufferedBytes(): number {
    return this.#bufferedBytes
  }

  get isEmpty(): boolean {
    return this.#entries.length === 0
  }

  push(position: Position, content: OpenedRange | { readonly error: Error }): void {
    if ('records' in content) {
      position.bufferedBytes += content.sizeBytes
      this.#bufferedBytes += content.sizeBytes
    }
    this.#entries.push({ position, version: position.version, content })
  }

  /** What is buffered of the position is not wanted any more. */
  void(position: Position): void {
    this.#bufferedBytes -= position.bufferedBytes
    position.bufferedBytes = 0
    position.version++
  }

  clear(): void {
    this.#entries = []
    this.#bufferedBytes = 0
  }

  /** At most so many records; moves the positions behind them. @throws a partition's error, once it is the first that is left */
  take(maxRecords: number): FetchedRecords[] {
    for (const range of this.#spent.splice(0)) range.release()
    const taken: FetchedRecords[] = []
    const entries = this.#entries
    const left: Ready[] = []
    this.#entries = left
    let room = maxRecords
    for (const [index, entry] of entries.entries()) {
      const { position, version, content } = entry
      if (version !== position.version) {
        if ('records' in content) content.release()
      } else if (position.isPaused || room <= 0) left.push(entry)
      else if ('records' in content) {
        const part = this.#takeSome(position, content, room)
        room -= part.records.length
        if (part.records.length > 0) taken.push(part)
        const rest = this.#restOf(entry, content)
        if (rest !== undefined) left.push(rest)
      } else if (taken.length > 0) left.push(entry)
      else {
        left.push(...entries.slice(index + 1))
        throw content.error
      }
    }
    return taken
  }

  #takeSome(position: Position, range: OpenedRange, limit: number): FetchedRecords {
    const { about, records: supply, sizeBytes } = range
    const records = supply.take(limit)
    if (supply.hasMore || supply.error !== undefined) {
      const nextOffset = records.length === 0 ? position.consumed : records.at(-1)!.offset + 1
      position.consumed = nextOffset
      return { ...about, records, nextOffset }
    }
    this.#spent.push(range)
    position.consumed = about.nextOffset
    position.bufferedBytes -= sizeBytes
    this.#bufferedBytes -= sizeBytes
    return { ...about, records }
  }

  #restOf(entry: Ready, { records, error }: OpenedRange): Ready | undefined {
    const { position } = entry
    if (records.error !== undefined) {
      this.void(position)
      position.state = { kind: 'failed', error: records.error }
      return { position, version: position.version, content: { error: records.error } }
    }
    if (records.hasMore) return entry
    return error === undefined ? undefined : { position, version: entry.version, content: { error } }
  }
}
