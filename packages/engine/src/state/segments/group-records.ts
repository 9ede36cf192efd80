import { crc32 } from 'node:zlib'
import type { SegmentReader } from './segment-reader.ts'
import type { SegmentBytes } from '../state-types.ts'
import type { Walk } from '../turns.ts'

/** The records of a key group's segments, loaded one after the other. */
export class GroupRecords implements Walk {
  readonly #reader: SegmentReader
  readonly #segments: Iterator<SegmentBytes>
  readonly #corrupt: (problem: string) => Error
  readonly #done: () => void
  readonly isQuick: boolean

  /** `done`: all of them are loaded. `isQuick`: no user's code sees them. */
  constructor(
    reader: SegmentReader,
    segments: readonly SegmentBytes[],
    corrupt: (problem: string) => Error,
    done: () => void,
    isQuick: boolean,
  ) {
    this.#reader = reader
    this.#segments = segments.values()
    this.#corrupt = corrupt
    this.#done = done
    this.isQuick = isQuick
  }

  next(): boolean {
    while (!this.#reader.next()) {
      const segment = this.#segments.next()
      if (segment.done === true) {
        this.#done()
        return false
      }
      this.#begin(segment.value)
    }
    return true
  }

  close(): void {}

  #begin({ bytes, crc32: expected }: SegmentBytes): void {
    if (expected !== undefined && crc32(bytes) !== expected) throw this.#corrupt('its checksum does not match')
    this.#reader.begin(bytes)
  }
}
