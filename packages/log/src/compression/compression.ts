/**
 * The compressions of record batches, whole payloads at a time.
 *
 * Decompression is bounded: a payload that would grow beyond the caller's limit is refused before the memory is taken, whatever sizes it claims.
 */
import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync, constants } from 'node:zlib'
import { logError } from '../errors.ts'
import { compressLz4, decompressLz4 } from './lz4.ts'
import { compressSnappy, decompressSnappy } from './snappy.ts'

/** By the id that a batch's attributes carry. */
export const COMPRESSION_TYPES = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const

/** By the names of `compression.type`. */
export type CompressionType = (typeof COMPRESSION_TYPES)[number]

/** The levels that `compress` accepts, inclusive, with Kafka's default. Snappy and lz4 have none here. */
export const COMPRESSION_LEVELS = {
  gzip: { min: 1, max: 9, default: -1 },
  zstd: { min: -131_072, max: 22, default: 3 },
} as const

/** The compression of an id of the wire, or undefined for the ids that are not assigned. */
export function compressionType(id: number): CompressionType | undefined {
  return COMPRESSION_TYPES[id]
}

/** The id that the attributes of a batch have for it. */
export function compressionId(type: CompressionType): number {
  return COMPRESSION_TYPES.indexOf(type)
}

/**
 * Compresses a payload; `none` returns it as it is. `level` matters to gzip and zstd alone, see `COMPRESSION_LEVELS`.
 *
 * @throws `COMPRESSION_UNAVAILABLE` where the platform has no library for it
 */
export function compress(type: CompressionType, bytes: Uint8Array, level?: number): Uint8Array {
  switch (type) {
    case 'none':
      return bytes
    case 'gzip':
      return gzipSync(bytes, { level: level ?? COMPRESSION_LEVELS.gzip.default })
    case 'snappy':
      return compressSnappy(bytes)
    case 'lz4':
      return compressLz4(bytes)
    case 'zstd':
      return zstdCompressSync(bytes, { params: { [constants.ZSTD_c_compressionLevel]: level ?? COMPRESSION_LEVELS.zstd.default } })
  }
}

/**
 * Decompresses a payload to at most `limitBytes`; `none` returns it as it is.
 *
 * @throws `COMPRESSION_TOO_LARGE` beyond the limit, `COMPRESSION_CORRUPT` for what cannot be read, `COMPRESSION_UNAVAILABLE` without a library
 */
export function decompress(type: CompressionType, bytes: Uint8Array, limitBytes: number): Uint8Array {
  switch (type) {
    case 'none':
      return bytes
    case 'gzip':
      return bounded(type, limitBytes, () => gunzipSync(bytes, { maxOutputLength: Math.max(limitBytes, 1) }))
    case 'snappy':
      return decompressSnappy(bytes, limitBytes)
    case 'lz4':
      return decompressLz4(bytes, limitBytes)
    case 'zstd':
      return bounded(type, limitBytes, () => zstdDecompressSync(bytes, { maxOutputLength: Math.max(limitBytes, 1) }))
  }
}

function bounded(name: CompressionType, limit: number, run: () => Uint8Array): Uint8Array {
  try {
    const result = run()
    if (result.length <= limit) return result
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    if (code !== 'ERR_BUFFER_TOO_LARGE') throw logError('COMPRESSION_CORRUPT', { name, problem: message }, cause)
  }
  throw logError('COMPRESSION_TOO_LARGE', { name, limit })
}
