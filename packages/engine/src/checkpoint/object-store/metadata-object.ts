/**
 * The object `_metadata`: what the file of that name holds, then the contents of the small state files of the checkpoint.
 *
 *   the file's header and JSON, as in `metadata-format.ts`
 *   millrace-inline 1 <bytes of JSON> <bytes of contents>\n
 *   {"files":[[path, length], …]}
 *   the contents, one after the other
 *
 * The CRC-32 of each content is in the JSON of the checkpoint. The second part is always there, so that a piece of an object is never whole.
 */
import { crc32 } from 'node:zlib'
import { decodeMetadata, encodeMetadata } from '../metadata/metadata-format.ts'
import { stateFilesOf, withFiles, type CheckpointMetadata } from '../metadata/metadata.ts'

const FIRST = /^millrace-checkpoint \d{1,9} (\d{1,15}) [0-9a-f]{8}\n/
const SECOND = /^millrace-inline 1 (\d{1,15}) (\d{1,15})\n/
const HEADER_BYTES_MAX = 64

/** @throws CHECKPOINT_UNENCODABLE */
export function encodeMetadataObject(metadata: CheckpointMetadata): Uint8Array<ArrayBuffer> {
  const files = stateFilesOf(metadata).flatMap(({ path, inline }) => (inline === undefined ? [] : [{ path, inline }]))
  const index = Buffer.from(JSON.stringify({ files: files.map(({ path, inline }) => [path, inline.length]) }))
  const contents = Buffer.concat(files.map(({ inline }) => inline))
  const header = Buffer.from(`millrace-inline 1 ${index.length} ${contents.length}\n`)
  return new Uint8Array(Buffer.concat([encodeMetadata(metadata), header, index, contents]))
}

/** @throws TypeError, SyntaxError naming the damage; CHECKPOINT_FORMAT_UNKNOWN */
export function decodeMetadataObject(bytes: Uint8Array<ArrayBuffer>): CheckpointMetadata {
  const [line, length] = headerOf(FIRST, bytes, 'checkpoint metadata')
  const end = line.length + Number(length)
  const metadata = decodeMetadata(bytes.subarray(0, end))
  const contents = decodeContents(bytes.subarray(end))
  return withFiles(metadata, (file) => {
    const inline = contents.get(file.path)
    if (inline === undefined) return file
    if (inline.length !== file.length || crc32(inline) !== file.crc32)
      throw new TypeError(`the checksum of ${file.path} in it does not match`)
    return { ...file, inline }
  })
}

/**
 * What makes a checkpoint or savepoint, from a folder or from a store: one that was copied from the one to the other is still what it was.
 * @throws TypeError, SyntaxError naming the damage; CHECKPOINT_FORMAT_UNKNOWN
 */
export function decodeSnapshotMetadata(bytes: Uint8Array<ArrayBuffer>): CheckpointMetadata {
  const [line, length] = headerOf(FIRST, bytes, 'checkpoint metadata')
  return bytes.length > line.length + Number(length) ? decodeMetadataObject(bytes) : decodeMetadata(bytes)
}

function decodeContents(bytes: Uint8Array<ArrayBuffer>): Map<string, Uint8Array<ArrayBuffer>> {
  const [line, indexLength, contentsLength] = headerOf(SECOND, bytes, 'its second part')
  const start = line.length + Number(indexLength)
  const total = start + Number(contentsLength)
  if (bytes.length !== total) throw new TypeError(`its second part has ${bytes.length} bytes where ${total} were written`)
  const { files } = JSON.parse(Buffer.from(bytes.subarray(line.length, start)).toString('utf8')) as { readonly files: unknown }
  if (!Array.isArray(files)) throw new TypeError('its second part has no list of files')
  const contents = new Map<string, Uint8Array<ArrayBuffer>>()
  let at = start
  for (const file of files as readonly unknown[]) {
    const [path, length] = Array.isArray(file) ? (file as readonly unknown[]) : []
    if (typeof path !== 'string' || !Number.isSafeInteger(length) || Number(length) < 0 || at + Number(length) > total)
      throw new TypeError('its list of files is damaged')
    // A copy: what a subtask gets must not hold on to the contents of all others.
    contents.set(path, bytes.slice(at, at + Number(length)))
    at += Number(length)
  }
  return contents
}

function headerOf(pattern: RegExp, bytes: Uint8Array, what: string): readonly [string, string, string] {
  const header = pattern.exec(Buffer.from(bytes.subarray(0, HEADER_BYTES_MAX)).toString('latin1'))
  if (header === null) throw new TypeError(`it does not begin as ${what} does`)
  return header as unknown as [string, string, string]
}
