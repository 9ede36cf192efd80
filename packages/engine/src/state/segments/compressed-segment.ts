/** Segments that are compressed when they are written (`checkpointing.compression`): version 5 of the format, around one of an earlier version. */
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import type { ByteWriter } from '../../codec/byte-writer.ts'
import { SEGMENT_MAGIC_0, SEGMENT_MAGIC_1, STATE_FORMAT_COMPRESSED } from './segment-format.ts'

/** What is smaller hardly gets any smaller. */
const COMPRESSED_BYTES_MIN = 128
/** The only way of compressing that there is; part of the format. */
const ZSTD = 1

/** The segment from `start` to the end of what was written is compressed, unless that makes it no smaller. */
export function compressSegment(out: ByteWriter, start: number): void {
  const segment = out.view(start)
  const { length } = segment
  if (length < COMPRESSED_BYTES_MIN) return
  const frame = zstdCompressSync(segment)
  // A length of so many bytes takes at most nine with what stands in front of it.
  if (frame.length + 9 >= length) return
  out.rewind(start)
  out.byte(SEGMENT_MAGIC_0)
  out.byte(SEGMENT_MAGIC_1)
  out.byte(STATE_FORMAT_COMPRESSED)
  out.byte(ZSTD)
  out.varint(length)
  out.raw(frame)
}

/** The segment within a compressed one, of which `method`, `length` and `frame` are the parts. @throws a text that says what is wrong, or what decompressing has thrown */
export function decompressSegment(method: number, length: number, frame: Uint8Array): Uint8Array {
  if (method !== ZSTD) throw new Error(`it is compressed in a way that is not known: ${method}`)
  const segment = zstdDecompressSync(frame, { maxOutputLength: Math.max(1, length) })
  if (segment.length !== length) throw new Error(`it is ${segment.length} bytes where it should be ${length}`)
  if (segment[2] === STATE_FORMAT_COMPRESSED) throw new Error('it is compressed twice')
  return segment
}
