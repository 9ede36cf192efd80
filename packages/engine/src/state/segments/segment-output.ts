// The segments of one snapshot as they lie behind each other in its bytes, and these bytes in chunks.
import { crc32 } from 'node:zlib'
import { compressSegment } from './compressed-segment.ts'
import type { SnapshotPlan } from './lineage.ts'
import type { RecordWriter } from './record-writer.ts'
import type { SegmentKind } from './segment-format.ts'
import type { SegmentCompression, SegmentEntry } from '../state-types.ts'

/** Small enough that taking its checksum is no pause. */
const SEGMENT_BYTES_MAX = 256 * 1024
const CHUNK_BYTES_MIN = 256 * 1024

export class SegmentOutput {
  readonly #plan: SnapshotPlan
  readonly #out: RecordWriter
  readonly #compression: SegmentCompression
  readonly #segments: SegmentEntry[] = []
  readonly #groups: Set<number> = new Set()
  #chunks: Uint8Array<ArrayBuffer>[] = []
  #emittedBytes = 0
  /** Where the open segment starts in `#out`; -1: none is open. */
  #start = -1
  #group = 0
  #kind: SegmentKind = 'full'
  #rows = 0

  constructor(plan: SnapshotPlan, out: RecordWriter, compression: SegmentCompression) {
    this.#plan = plan
    this.#out = out
    this.#compression = compression
  }

  /** Those that are sealed. */
  get segments(): readonly SegmentEntry[] {
    return this.#segments
  }

  /** Of all chunks. */
  get emittedBytes(): number {
    return this.#emittedBytes
  }

  /** Whether the group has a segment, sealed or open. */
  has(keyGroup: number): boolean {
    return this.#groups.has(keyGroup)
  }

  /** What is written next is in a segment of this group. */
  open(keyGroup: number): void {
    if (this.#start >= 0) return
    this.#start = this.#out.position
    this.#group = keyGroup
    this.#rows = 0
    // Only the first segment of a group replaces what lies before it.
    this.#kind = this.#plan.isFull(keyGroup) && !this.#groups.has(keyGroup) ? 'full' : 'delta'
    this.#out.header(keyGroup, this.#kind)
    this.#groups.add(keyGroup)
  }

  /** So many rows have been written into the open segment. */
  count(rows: number): void {
    this.#rows += rows
  }

  sealIfLarge(): void {
    if (this.#start >= 0 && this.#out.position - this.#start >= SEGMENT_BYTES_MAX) this.seal()
  }

  /** The segment, if one is open, has no more records. */
  seal(): void {
    const start = this.#start
    if (start < 0) return
    if (this.#compression !== 'none') compressSegment(this.#out, start)
    const bytes = this.#out.view(start)
    this.#segments.push({
      keyGroup: this.#group,
      kind: this.#kind,
      offset: this.#emittedBytes + start,
      length: bytes.length,
      crc32: crc32(bytes),
      rows: this.#rows,
    })
    this.#start = -1
    if (this.#out.position >= CHUNK_BYTES_MIN) this.emit()
  }

  /** What is sealed becomes a chunk. */
  emit(): void {
    if (this.#out.position === 0) return
    const chunk = this.#out.take()
    this.#emittedBytes += chunk.length
    this.#chunks.push(chunk)
  }

  /** The chunks since the last call. */
  take(): Uint8Array<ArrayBuffer>[] {
    const taken = this.#chunks
    this.#chunks = []
    return taken
  }
}
