// KafkaJS brings gzip alone; its users register the others.
import kafkajs from 'kafkajs'
import * as lz4 from 'lz4-napi'
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import * as snappy from 'snappy'

/** What KafkaJS hands over to be compressed. */
interface Encoder {
  readonly buffer: Buffer
}

const xerialHeader = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1])

/** The framing that Java's library puts around blocks of snappy. */
function unframed(data: Buffer): Buffer {
  if (!data.subarray(0, 8).equals(xerialHeader.subarray(0, 8))) return snappy.uncompressSync(data, { asBuffer: true }) as Buffer
  const blocks: Buffer[] = []
  for (let at = xerialHeader.length; at < data.length;) {
    const size = data.readUInt32BE(at)
    blocks.push(snappy.uncompressSync(data.subarray(at + 4, at + 4 + size), { asBuffer: true }) as Buffer)
    at += 4 + size
  }
  return Buffer.concat(blocks)
}

function framed(data: Buffer): Buffer {
  const block = snappy.compressSync(data)
  const size = Buffer.alloc(4)
  size.writeUInt32BE(block.length)
  return Buffer.concat([xerialHeader, size, block])
}

function register(type: number, compress: (data: Buffer) => Buffer, decompress: (data: Buffer) => Buffer): void {
  const codec = {
    compress: ({ buffer }: Encoder) => Promise.resolve(compress(buffer)),
    decompress: (buffer: Buffer) => Promise.resolve(decompress(buffer)),
  }
  ;(kafkajs.CompressionCodecs as Record<number, () => typeof codec>)[type] = () => codec
}

export function registerCodecs(): void {
  const { Snappy, LZ4, ZSTD } = kafkajs.CompressionTypes
  register(Snappy, framed, unframed)
  register(LZ4, (data) => lz4.compressFrameSync(data), lz4.decompressFrameSync)
  register(ZSTD, zstdCompressSync, zstdDecompressSync)
}
