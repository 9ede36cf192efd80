export {
  COMPRESSION_LEVELS,
  COMPRESSION_TYPES,
  compress,
  compressionId,
  compressionType,
  decompress,
  type CompressionType,
} from './compression.ts'
